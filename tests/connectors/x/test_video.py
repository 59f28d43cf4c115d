"""Videos to X: a chunk at a time, then a look now and then whether X is done with them."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automator.intentions import load
from connectors.base import Kind, outcome_of
from connectors.network import Rejected, Staged
from connectors.post import Media, Part
from connectors.x.connector import CREATE, Connector
from connectors.x.twin import WORLD, add_account, posts, twin
from connectors.x.upload import CHUNK
from tests.connectors.recorded import requests
from tests.connectors.x.conftest import World

ROOM = 50_000_000  #: bytes of memory, for what is on its way and not yet collected; the video has twice as much


class Filmed(World):
    """An account on a twin whose clock is the test's."""

    ahead = timedelta()

    async def prepare(self, part: Part, so_far: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self.network.prepare(self.session, part, [], so_far or {})

    async def staged(self, part: Part, so_far: Mapping[str, Any] | None = None) -> Staged:
        with pytest.raises(Staged) as staged:
            await self.prepare(part, so_far)
        return staged.value


@pytest.fixture
async def filmed(serve: Any, opened: Any) -> AsyncIterator[Filmed]:
    app = twin(lambda: datetime.now(UTC))
    async with opened("x/brand", await serve(app), add_account(app, "brand")) as engine:
        found = Filmed(engine, app)
        app[WORLD].now = lambda: datetime.now(UTC) + found.ahead
        app[WORLD].processing = timedelta(seconds=60)
        yield found


def clip(folder: Path, size: int = CHUNK + 1, kind: str = "video/mp4") -> Media:
    path = folder / "v.mp4"
    with path.open("wb") as file:
        file.truncate(size)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Media(str(path), kind, size, digest, 1280, 720, "A clip", seconds=9)


async def test_a_video_waits_at_x_and_is_then_published(filmed: Filmed, tmp_path: Path) -> None:
    """It is given once, asked for as X says, and named in the post when it is ready."""
    media = clip(tmp_path)
    part = Part("Look", (media,))
    staged = await filmed.staged(part)
    assert staged.until is not None
    assert timedelta(seconds=25) < staged.until - datetime.now(UTC) <= timedelta(seconds=30)
    filmed.ahead = timedelta(seconds=40)
    again = await filmed.staged(part, staged.so_far)
    assert again.so_far["id"] == staged.so_far["id"]
    filmed.ahead = timedelta(seconds=61)
    plan = await filmed.prepare(part, again.so_far)
    ((number, stored),) = filmed.app[WORLD].media.items()
    assert plan["body"]["media"] == {"media_ids": [number]}
    assert (stored["category"], stored["alt"]) == ("tweet_video", "A clip")
    assert [stored["parts"][index][0] for index in (0, 1)] == [CHUNK, 1]
    result = outcome_of(await filmed.send("one", plan)).result
    assert posts(filmed.app)[0]["id"] == result["id"]
    held = load(filmed.engine.reader, "one")
    assert held is not None
    assert await filmed.network.find(filmed.session, held.plan) == result
    seen = [operation for operation, *_ in requests(filmed.engine.reader)]
    assert seen.count("x.media.initialize") == 1
    assert seen.count("x.media.status") == 2


async def test_what_x_cannot_use_is_told_in_its_words(filmed: Filmed, tmp_path: Path) -> None:
    """The post ends there, and a person reads why."""
    staged = await filmed.staged(Part("Look", (clip(tmp_path),)))
    filmed.app[WORLD].processing_fails = "Unsupported codec"
    filmed.ahead = timedelta(seconds=61)
    with pytest.raises(Rejected, match="Unsupported codec"):
        await filmed.prepare(Part("Look", (clip(tmp_path),)), staged.so_far)


@pytest.mark.parametrize("gone", ["forgotten", "old", "another file"])
async def test_an_upload_that_is_no_longer_there_is_made_anew(filmed: Filmed, tmp_path: Path, gone: str) -> None:
    """X forgot it, it is too old, or the post was given another file."""
    part = Part("Look", (clip(tmp_path),))
    so_far = dict((await filmed.staged(part)).so_far)
    if gone == "forgotten":
        filmed.app[WORLD].media.clear()
    elif gone == "old":
        so_far["until"] = datetime.now(UTC).isoformat()
    else:
        part = Part("Look", (clip(tmp_path, CHUNK + 2),))
    again = await filmed.staged(part, so_far)
    assert again.so_far["id"] != so_far["id"]
    filmed.ahead = timedelta(seconds=61)
    plan = await filmed.prepare(part, again.so_far)
    assert outcome_of(await filmed.send("one", plan)).kind is Kind.OK


async def test_a_file_that_changed_while_it_was_sent_is_not_posted(filmed: Filmed, tmp_path: Path) -> None:
    """What was checked is what goes out, or nothing does."""
    media = clip(tmp_path)
    with Path(media.path).open("r+b") as file:
        file.seek(CHUNK)
        file.write(b"x")
    with pytest.raises(Rejected, match="has changed since"):
        await filmed.prepare(Part("Look", (media,)))
    Path(media.path).unlink()
    with pytest.raises(Rejected, match="can't be read any more"):
        await filmed.prepare(Part("Look", (media,)))


async def test_a_large_video_is_never_in_memory(filmed: Filmed, tmp_path: Path) -> None:
    """Neither in one piece nor as all its chunks."""
    media = clip(tmp_path, 100_000_000)
    tracemalloc.start()
    await filmed.staged(Part("Look", (media,)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < ROOM


async def test_a_text_that_x_does_not_take_for_a_video_holds_no_post_up(filmed: Filmed, tmp_path: Path) -> None:
    """Whether it does its pages do not say; for a picture, whose text it takes, a refusal ends the post."""
    filmed.app[WORLD].processing = timedelta()
    filmed.app[WORLD].refuses_texts = True
    assert (await filmed.prepare(Part("Look", (clip(tmp_path),))))["body"]["media"]
    with pytest.raises(Rejected, match="no text"):
        await filmed.prepare(Part("Look", (clip(tmp_path, 9, "image/png"),)))


async def test_the_twin_takes_no_more_than_x_does(filmed: Filmed, tmp_path: Path) -> None:
    """What is too large, not ready, or does not go together is refused there too."""
    filmed.app[WORLD].processing = timedelta()
    with pytest.raises(Rejected, match="File size exceeds"):
        await filmed.prepare(Part("Look", (clip(tmp_path, 5 * 1024 * 1024 + 1, "image/png"),)))
    ready = await filmed.prepare(Part("Look", (clip(tmp_path, 9),)))
    (number,) = ready["body"]["media"]["media_ids"]
    for key, ids in (("two", [number, number]), ("none", ["1"])):
        twice = {**ready, "body": {"text": "A", "media": {"media_ids": ids}}}
        assert outcome_of(await filmed.send(key, twice)).kind is Kind.REJECTED
    filmed.app[WORLD].processing = timedelta(seconds=60)
    staged = await filmed.staged(Part("Look", (clip(tmp_path, 9),)))
    early = {**ready, "body": {"text": "A", "media": {"media_ids": [staged.so_far["id"]]}}}
    assert outcome_of(await filmed.send("early", early)).kind is Kind.REJECTED
    assert posts(filmed.app) == []


def test_videos_and_pictures_do_not_go_together() -> None:
    """Four pictures, or one GIF, or one video."""
    video = Media("/p/v.mp4", "video/mp4", 9, "0" * 64, 1280, 720, "A clip", seconds=9)
    still = Media("/p/a.png", "image/png", 9, "0" * 64, 9, 9, "A text")
    gif = Media("/p/a.gif", "image/gif", 9, "0" * 64, 9, 9, "A text", animated=True)
    check = Connector().check
    assert [check([Part("A", media)]) for media in ((still,) * 4, (gif,), (video,))] == [[], [], []]
    for media in ((video, still), (gif, still), (video, video), (gif, gif)):
        assert any("only alone" in item.what for item in check([Part("A", media)]))
    assert Connector().publishing({}) is CREATE
