"""One post through vault, ledger and a data server over a real socket."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from automator.intentions import claim, load
from automator.ledger.chain import verify
from connectors.base import Intent
from connectors.bluesky.connector import DELETE
from connectors.bluesky.twin import WORLD, posts, twin
from connectors.network import Media, Part, Rejected
from tests.connectors.bluesky.conftest import HANDLE, PASSWORD, World


async def test_who_am_i_signs_in_first(world: World) -> None:
    """A fresh account signs in by its app password, and the session is kept for the next process."""
    identity = await world.network.test(world.session)
    assert identity.handle == HANDLE
    kept = world.engine.store.get("bluesky/brand", 2)
    assert kept is not None
    assert {"accessJwt", "refreshJwt", "password"} <= kept.keys()


async def test_a_wrong_app_password_is_told(serve: Any, opened: Any) -> None:
    """The sentence says that the account has to be connected again."""
    app = twin(lambda: datetime.now(UTC))
    async with opened("bluesky/brand", await serve(app), {"identifier": HANDLE, "password": "no"}) as engine:
        session, network = engine.session("bluesky/brand", {})
        with pytest.raises(Rejected, match="connect it again"):
            await network.test(session)


async def test_signing_in_by_the_accounts_id_keeps_it_on_the_record(world: World, opened: Any) -> None:
    """What someone signs in as is a name, not a key: links and threads are made of it."""
    did = next(iter(world.app[WORLD].accounts))
    async with opened("bluesky/second", world.session.base, {"identifier": did, "password": PASSWORD}) as engine:
        second = World(engine, world.app, world.clock, "bluesky/second")
        result = await second.publish("one", Part("Hello"))
        stored = load(engine.reader, "one")
    assert result["uri"].startswith(f"at://{did}/")
    assert stored is not None
    assert stored.result == result


async def test_a_post_is_published_and_can_be_found_and_deleted(world: World) -> None:
    """What the world sees is what was written, under the link that is shown."""
    result = await world.publish("one", Part("Hello #world, see https://example.com/a_(b)."))
    (post,) = posts(world.app)
    assert post["text"] == "Hello #world, see https://example.com/a_(b)."
    stored = load(world.engine.reader, "one")
    assert stored is not None
    assert await world.network.find(world.session, stored.plan) == result
    assert world.network.link(result).startswith("https://bsky.app/profile/did:plc:")
    gone = {"published": dict(result)}
    held = await world.engine.writer.run(lambda tx: claim(tx, "del", "bluesky/brand", DELETE.name, gone))
    await world.network.delete(world.session, Intent("del", gone, held.attempt))
    assert posts(world.app) == []
    assert await world.network.find(world.session, stored.plan) is None


async def test_putting_the_same_plan_again_changes_nothing(world: World) -> None:
    """The record's key is ours and frozen, so a repeat is the same post."""
    plan = await world.network.prepare(world.session, Part("Once."), [])
    assert await world.send("first", plan) == await world.send("second", plan)
    assert len(posts(world.app)) == 1


async def test_an_expired_session_is_renewed_in_the_middle(world: World) -> None:
    """The renewal is a call of its own on the record, and the post goes out once."""
    await world.publish("one", Part("Before."))
    world.clock[0] += timedelta(hours=3)
    await world.publish("two", Part("After."))
    assert [post["text"] for post in posts(world.app)] == ["Before.", "After."]
    operations = [row[0] for row in world.engine.reader.execute("SELECT operation FROM entry WHERE kind = 'call'")]
    assert "bluesky.session.refresh" in operations
    world.app[WORLD].sessions.clear()
    await world.publish("three", Part("Signed in anew."))
    assert len(posts(world.app)) == 3


async def test_a_thread_hangs_together(world: World) -> None:
    """Each part replies to the one before it."""
    first = await world.publish("1", Part("One"))
    second = await world.publish("2", Part("Two"), [first])
    await world.publish("3", Part("Three"), [first, second])
    by_text = {post["text"]: post for post in posts(world.app)}
    assert by_text["Two"]["reply_to"] == first["uri"]
    assert by_text["Three"]["reply_to"] == second["uri"]


async def test_a_picture_goes_with_its_text_for_the_blind(world: World, tmp_path: Path) -> None:
    """It is uploaded first, and refused if the file has changed since it was checked."""
    path = tmp_path / "p.png"
    Image.new("RGB", (20, 10)).save(path)
    content = path.read_bytes()
    media = Media(str(path), "image/png", len(content), hashlib.sha256(content).hexdigest(), 20, 10, "A black bar")
    await world.publish("one", Part("Look", (media,)))
    assert posts(world.app)[0]["images"] == 1
    path.write_bytes(content + b" ")
    with pytest.raises(Rejected, match="changed"):
        await world.publish("two", Part("Look again", (media,)))


async def test_mentions_of_nobody_stay_plain(world: World) -> None:
    """A handle that exists becomes a mention; one that does not is just text."""
    plan = await world.network.prepare(world.session, Part(f"Hi @{HANDLE} and @nobody.test"), [])
    assert len(plan["record"]["facets"]) == 1


async def test_no_key_is_ever_on_the_record(world: World) -> None:
    """Neither the app password nor any session token, in the database or its journal; and the record holds."""
    await world.publish("one", Part("Hello"))
    world.clock[0] += timedelta(hours=3)
    await world.publish("two", Part("Again"))
    tokens = [PASSWORD, *world.app[WORLD].sessions]
    everything = b"".join(path.read_bytes() for path in world.engine.home.path.glob("automator.db*"))
    dump = "".join(world.engine.reader.iterdump())
    for secret in tokens:
        assert secret.encode() not in everything
        assert secret not in dump
    assert isinstance(verify(world.engine.reader), int)
