"""Posts through vault, ledger and a data server, the same on our twin and on Bluesky's own software."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from automator import accounts
from automator.engine import Engine
from automator.intentions import claim, load
from automator.ledger.chain import verify
from connectors.base import Intent, Kind, Outcome, outcome_of
from connectors.bluesky.connector import DELETE
from connectors.network import Rejected
from connectors.post import Media, Part
from tests.connectors.bluesky.servers import HANDLE, PASSWORD, Served, needs_server, real, twinned
from tests.connectors.conftest import Opened
from tests.stored import unpacked

NAME = "bluesky/brand"
OLD = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=["twin", pytest.param("real", marks=needs_server)])
def there(request: pytest.FixtureRequest) -> Iterator[Served]:
    with (twinned if request.param == "twin" else real)() as served:
        yield served


class Desk:
    """An engine with an account there; what other tests have posted is not looked at."""

    def __init__(self, engine: Engine, there: Served) -> None:
        self.engine, self.there = engine, there
        self.before = {record["uri"] for record in there.records()}
        self.session, self.network = engine.session(NAME, {"test": "yes"})

    async def send(self, key: str, plan: Mapping[str, Any], operation: str = "") -> Intent:
        name = operation or self.network.publishing({}).name
        held = await self.engine.writer.run(lambda tx: claim(tx, key, NAME, name, plan))
        return Intent(key, held.plan, held.attempt)

    async def put(self, key: str, plan: Mapping[str, Any]) -> Outcome:
        return outcome_of(await self.network.publish(self.session, await self.send(key, plan)))

    async def publish(self, key: str, part: Part, thread: list[Mapping[str, Any]] | None = None) -> Mapping[str, Any]:
        return (await self.put(key, await self.network.prepare(self.session, part, thread or [], {}))).result

    def seen(self) -> list[dict[str, Any]]:
        return [record for record in self.there.records() if record["uri"] not in self.before]

    def texts(self) -> list[str]:
        return [record["value"]["text"] for record in self.seen()]

    def plan(self, key: str) -> Mapping[str, Any]:
        stored = load(self.engine.reader, key)
        assert stored is not None
        return stored.plan


@pytest.fixture
async def desk(there: Served, opened: Opened) -> AsyncIterator[Desk]:
    async with opened(NAME, there.url, there.keys) as engine:
        yield Desk(engine, there)


@pytest.fixture
def picture(tmp_path: Path) -> Media:
    path = tmp_path / "p.png"
    Image.new("RGB", (20, 10)).save(path)
    content = path.read_bytes()
    return Media(str(path), "image/png", len(content), hashlib.sha256(content).hexdigest(), 20, 10, "A black bar")


async def test_who_am_i_signs_in_first(desk: Desk) -> None:
    """A fresh account signs in by its app password, and the session is kept for the next process."""
    identity = await desk.network.test(desk.session)
    assert (identity.id, identity.handle) == (desk.there.did, HANDLE)
    kept = desk.engine.store.get(NAME, 2)
    assert kept is not None
    assert {"accessJwt", "refreshJwt", "password"} <= kept.keys()


async def test_a_wrong_app_password_is_told(there: Served, opened: Opened) -> None:
    """The sentence says that the account has to be connected again."""
    async with opened(NAME, there.url, {"identifier": HANDLE, "password": "no"}) as engine:
        session, network = engine.session(NAME, {})
        with pytest.raises(Rejected, match="connect it again"):
            await network.test(session)


async def test_signing_in_by_the_accounts_id_keeps_it_on_the_record(there: Served, opened: Opened) -> None:
    """What someone signs in as is a name, not a key: links and threads are made of it."""
    async with opened(NAME, there.url, {"identifier": there.did, "password": PASSWORD}) as engine:
        result = await Desk(engine, there).publish("one", Part("Hello"))
        stored = load(engine.reader, "one")
    assert result["uri"].startswith(f"at://{there.did}/")
    assert stored is not None
    assert stored.result == result


async def test_a_post_is_published_and_can_be_found_and_deleted(desk: Desk) -> None:
    """What the world sees is what was written, under the link that is shown."""
    text = f"Hello @{HANDLE} #world, see https://example.com/a_(b). é"
    result = await desk.publish("one", Part(text))
    (record,) = desk.seen()
    assert (record["uri"], record["cid"], record["value"]["text"]) == (result["uri"], result["cid"], text)
    assert len(record["value"]["facets"]) == 3
    assert record["value"]["embed"]["external"]["uri"] == "https://example.com/a_(b)"
    plan = desk.plan("one")
    assert await desk.network.find(desk.session, plan) == result
    assert desk.network.link(result).startswith("https://bsky.app/profile/did:plc:")
    await desk.network.delete(desk.session, await desk.send("del", {"published": dict(result)}, DELETE.name))
    assert desk.seen() == []
    assert await desk.network.find(desk.session, plan) is None


async def test_putting_the_same_plan_again_changes_nothing(desk: Desk) -> None:
    """The record's key is ours and frozen, so a repeat is the same post, and another text under it is refused."""
    plan = await desk.network.prepare(desk.session, Part("Once."), [], {})
    assert (await desk.put("first", plan)).result == (await desk.put("second", plan)).result
    assert desk.texts() == ["Once."]
    other = {**plan, "record": {**plan["record"], "text": "Something else"}}
    refused = await desk.put("third", other)
    assert refused.kind is Kind.REJECTED
    assert "already there" in refused.reason
    assert desk.texts() == ["Once."]


@pytest.mark.parametrize("lost", [("accessJwt",), ("accessJwt", "refreshJwt")])
async def test_a_stale_session_is_renewed_in_the_middle(desk: Desk, lost: tuple[str, ...]) -> None:
    """By its refresh token, or by signing in anew; each is a call of its own, and the posts go out once."""
    await desk.publish("one", Part("Before."))
    held = desk.engine.keys.secrets(accounts.load(desk.engine.reader, NAME))
    await desk.engine.keys.replace(
        accounts.load(desk.engine.reader, NAME), {**held, **dict.fromkeys(lost, "stale.a.b")}
    )
    await desk.publish("two", Part("After."))
    assert desk.texts() == ["Before.", "After."]
    operations = [row[0] for row in desk.engine.reader.execute("SELECT operation FROM entry WHERE kind = 'call'")]
    assert operations.count("bluesky.session.create") == len(lost)
    assert "bluesky.session.refresh" in operations


async def test_a_thread_hangs_together(desk: Desk) -> None:
    """Each part replies to the one before it, also to one of which only the address is known."""
    first = await desk.publish("1", Part("One"))
    second = await desk.publish("2", Part("Two"), [first])
    told = desk.network.read_link(desk.network.link(second))
    assert told is not None
    await desk.publish("3", Part("Three"), [first, told])
    by_text = {record["value"]["text"]: record["value"].get("reply") for record in desk.seen()}
    ref = {"uri": second["uri"], "cid": second["cid"]}
    assert by_text["One"] is None
    assert by_text["Two"]["parent"] == by_text["Two"]["root"] == {"uri": first["uri"], "cid": first["cid"]}
    assert (by_text["Three"]["parent"], by_text["Three"]["root"]["uri"]) == (ref, first["uri"])


async def test_a_picture_goes_with_its_text_for_the_blind(desk: Desk, picture: Media) -> None:
    """It is uploaded first, and refused if the file has changed since it was checked."""
    await desk.publish("one", Part("Look", (picture,)))
    (record,) = desk.seen()
    (image,) = record["value"]["embed"]["images"]
    assert (image["alt"], image["image"]["mimeType"], image["image"]["size"]) == (
        "A black bar",
        "image/png",
        picture.size,
    )
    path = Path(picture.path)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(Rejected, match="changed"):
        await desk.publish("two", Part("Look again", (picture,)))


def clip(folder: Path, size: int) -> Media:
    """As much of a video as a server looks at."""
    path = folder / "v.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(size))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Media(str(path), "video/mp4", path.stat().st_size, digest, 640, 360, "A clip", seconds=9)


async def test_a_video_goes_as_a_stream(desk: Desk, tmp_path: Path) -> None:
    """Its digest is on the record, its bytes are not; the post shows its text and shape."""
    media = clip(tmp_path, 3_000_000)
    await desk.publish("one", Part("Look", (media,)))
    (record,) = desk.seen()
    video = record["value"]["embed"]
    assert (video["$type"], video["alt"], video["aspectRatio"]) == (
        "app.bsky.embed.video",
        "A clip",
        {"width": 640, "height": 360},
    )
    assert (video["video"]["mimeType"], video["video"]["size"]) == ("video/mp4", media.size)
    Path(media.path).write_bytes(b"another")
    with pytest.raises(Rejected, match="changed"):
        await desk.publish("two", Part("Look again", (media,)))


async def test_a_file_that_is_too_large_for_the_server_is_told(there: Served, desk: Desk, tmp_path: Path) -> None:
    """Servers set their own limits below the protocol's."""
    with pytest.raises(Rejected, match="larger than this server takes"):
        await desk.publish("one", Part("Look", (clip(tmp_path, there.blob_limit + 1),)))
    assert desk.seen() == []


async def test_four_pictures_keep_their_order(desk: Desk, tmp_path: Path) -> None:
    """Each with its own text."""
    made = []
    for number in range(1, 5):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (number, 9)).save(path)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        made.append(Media(str(path), "image/png", len(content), digest, number, 9, f"Text {number}"))
    await desk.publish("one", Part("Four", tuple(made)))
    (record,) = desk.seen()
    shown = [(image["aspectRatio"]["width"], image["alt"]) for image in record["value"]["embed"]["images"]]
    assert shown == [(number, f"Text {number}") for number in range(1, 5)]


async def test_what_the_account_published_is_listed(desk: Desk) -> None:
    """Oldest first, over as many pages as it takes, from an instant on."""
    before = {item.result["uri"] for item in await desk.network.recent(desk.session, OLD)}
    published = [await desk.publish(str(number), Part(f"Post {number}")) for number in range(103)]
    found = [item for item in await desk.network.recent(desk.session, OLD) if item.result["uri"] not in before]
    assert [item.text for item in found] == [f"Post {number}" for number in range(103)]
    assert [item.result for item in found] == published
    since = found[50].at
    assert min(item.at for item in await desk.network.recent(desk.session, since)) == since
    assert await desk.network.recent(desk.session, datetime.now(UTC) + timedelta(days=2)) == []


async def test_mentions_of_nobody_stay_plain(desk: Desk) -> None:
    """A handle that exists becomes a mention; one that does not is just text."""
    plan = await desk.network.prepare(desk.session, Part(f"Hi @{HANDLE} and @nobody.test"), [], {})
    assert len(plan["record"]["facets"]) == 1
    assert (await desk.put("one", plan)).kind is Kind.OK


async def test_no_key_is_ever_on_the_record(desk: Desk) -> None:
    """Neither the app password nor any session token, in the database or its journal; and the record holds."""
    await desk.publish("one", Part("Hello"))
    before = dict(desk.engine.keys.secrets(accounts.load(desk.engine.reader, NAME)))
    await desk.engine.keys.replace(accounts.load(desk.engine.reader, NAME), {**before, "accessJwt": "stale.a.b"})
    await desk.publish("two", Part("Again"))
    known = {*before.values(), *desk.engine.keys.secrets(accounts.load(desk.engine.reader, NAME)).values()} - {HANDLE}
    everything = b"".join(path.read_bytes() for path in desk.engine.home.path.glob("automator.db*"))
    dump = unpacked(desk.engine.reader)
    assert [secret for secret in known if secret.encode() in everything or secret in dump] == []
    assert isinstance(verify(desk.engine.reader), int)
    limits = desk.engine.reader.execute("SELECT charges FROM budget WHERE name = 'points-hour'").fetchone()
    assert limits is not None
