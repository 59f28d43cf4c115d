"""Smaller copies of pictures stay while a post may need them, and a stated time after it; then they are removed."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from automator import upkeep
from automator.engine import Engine
from automator.home import Home
from automator.posting import copies, posts
from automator.posting.posts import NewDelivery
from automator.scheduling.states import RunState
from automator.vault.choose import own_file
from connectors.post import Media, Part
from connectors.takes import Limits
from jobs.posting.fit import fitted
from jobs.posting.media import inspect
from tests.clocks import StillClock

DAY = timedelta(days=1)
LIMITS = Limits(("image/jpeg",), 1_000_000, width=(1, 80))


class Desk:
    """An installation, in the time that the test makes."""

    def __init__(self, engine: Engine, clock: StillClock, folder: Path) -> None:
        self.engine, self.clock, self.folder = engine, clock, folder

    def copy(self, width: int) -> Media:
        """A smaller copy of a picture, as old as the installation's time says."""
        path = self.folder / f"{width}.png"
        Image.new("RGB", (100, width), (width, 9, 9)).save(path)
        made = fitted(inspect(path), LIMITS, self.engine.home.copies)
        os.utime(made.path, (self.clock.at.timestamp(),) * 2)
        return made

    async def post(self, media: Media, state: RunState) -> None:
        wanted = NewDelivery("x/brand", (Part("A", (media,)),), self.clock.at, "UTC", "", media.path + state)
        (job,) = await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], self.clock.at, source="test"))
        await self.engine.writer.run(lambda tx: tx.execute("UPDATE run SET state = ? WHERE job = ?", (state, job)))

    def left(self) -> set[str]:
        return {path.name for path in self.engine.home.copies.iterdir()}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock, home = StillClock(), Home(tmp_path / "home")
    home.prepare()
    async with Engine(home, own_file(home.path), clock=clock) as engine:
        yield Desk(engine, clock, tmp_path)


@pytest.mark.parametrize(
    ("state", "stays"),
    [
        (RunState.SCHEDULED, True),
        (RunState.RUNNING, True),
        (RunState.WAITING, True),
        (RunState.UNCONFIRMED, True),
        (RunState.DONE, False),
        (RunState.FAILED, False),
        (RunState.MISSED, False),
        (RunState.CANCELLED, False),
    ],
)
async def test_what_may_still_go_out_keeps_its_copies(desk: Desk, state: RunState, *, stays: bool) -> None:
    """The others keep them for 30 days, until when they can be tried again; the record says how many went."""
    media = desk.copy(50)
    await desk.post(media, state)
    desk.clock.at += 30 * DAY
    assert (await copies.clear(desk.engine), len(desk.left())) == (0, 1)
    desk.clock.at += DAY
    assert await copies.clear(desk.engine) == (0 if stays else 1)
    assert bool(desk.left()) == stays
    events = [json.loads(data) for (data,) in desk.engine.reader.execute("SELECT said(data) FROM entry")]
    assert [event.get("files") for event in events if event.get("what") == "copies removed"] == [1] * (not stays)


async def test_a_copy_that_several_posts_have_stays_for_the_last(desk: Desk) -> None:
    """And one of which no post was made goes after the same time, as does what a copy that failed left behind."""
    media, unused = desk.copy(50), desk.copy(60)
    (desk.engine.home.copies / "tmpabc").write_bytes(b"half")
    os.utime(desk.engine.home.copies / "tmpabc", (desk.clock.at.timestamp(),) * 2)
    await desk.post(media, RunState.DONE)
    await desk.post(media, RunState.SCHEDULED)
    desk.clock.at += 31 * DAY
    assert await copies.clear(desk.engine) == 2
    assert desk.left() == {Path(media.path).name}
    assert Path(unused.path).name != Path(media.path).name


async def test_a_copy_that_is_made_again_is_young_again(desk: Desk) -> None:
    """So that it is not removed from under a post that is just being planned."""
    media = desk.copy(50)
    before = Path(media.path).stat().st_mtime
    again = fitted(inspect(desk.folder / "50.png"), LIMITS, desk.engine.home.copies)
    assert again.path == media.path
    assert Path(again.path).stat().st_mtime != before


async def test_nothing_is_removed_where_nothing_is_to_be(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting of 0 keeps everything; without a folder there is nothing to do; and once a day is enough."""
    await upkeep.once(desk.engine)
    desk.copy(50)
    desk.clock.at += 99 * DAY
    kept = desk.engine.settings.posting.model_copy(update={"copies_days": 0})
    with monkeypatch.context() as patch:
        patch.setattr(desk.engine, "settings", desk.engine.settings.model_copy(update={"posting": kept}))
        assert await copies.clear(desk.engine) == 0
    await upkeep.once(desk.engine)
    assert desk.left() == set()
    desk.copy(60)
    assert await copies.clear(desk.engine) == 0
