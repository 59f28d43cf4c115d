"""A delivery that is no longer in the database, as after a restore: nothing of it can be changed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automator.engine import Engine
from automator.posting import posts
from automator.posting.posts import Change
from connectors.post import Part
from tests.clocks import StillClock
from tests.scheduling.opened import opened

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ID = "dgone"
ACTS: dict[str, Callable[[sqlite3.Connection], bool]] = {
    "another text": lambda tx: posts.edit(tx, ID, Change((Part("Other words"),)), NOW, actor="test"),
    "another time": lambda tx: posts.edit(tx, ID, Change(at=NOW), NOW, actor="test"),
    "cancel": lambda tx: posts.cancel(tx, ID, NOW, actor="test"),
    "retry": lambda tx: posts.retry(tx, ID, NOW, actor="test"),
    "it is there": lambda tx: posts.resolve_there(tx, ID, {"id": "1"}, NOW, actor="test"),
    "send again": lambda tx: posts.resolve_send_again(tx, ID, NOW, actor="test"),
}


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    async with opened("x", tmp_path, StillClock(), monkeypatch) as (engine, _):
        yield engine


@pytest.mark.parametrize("act", ACTS)
async def test_what_is_gone_is_said_to_be_unchanged(engine: Engine, act: str) -> None:
    """Each answer is no, and nothing is written."""
    assert await engine.writer.run(ACTS[act]) is False
    events = engine.reader.execute("SELECT count(*) FROM entry WHERE kind = 'event' AND body LIKE ?", (f"%{ID}%",))
    assert events.fetchone() == (0,)
