"""Notices: each is told, and the same one is not told again and again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from automator.clock import micros
from automator.db import connect
from automator.notices import Notice, mark_seen, mark_sent, tell, unread, waiting
from automator.schema import create
from tests.clocks import START

DAY = timedelta(days=1)
AGAIN = Notice("refused", "grid-1", "grid-1: buy BTC/USDT was not placed", "binance/main")


@pytest.mark.parametrize(
    ("read", "taken", "later", "told"),
    [
        (False, False, 3 * DAY, 1),  # it waits to be read
        (True, False, timedelta(), 2),
        (False, True, DAY / 2, 1),
        (False, True, DAY, 2),  # nobody reads here: what the webhook took yesterday has come about anew
        (True, True, timedelta(), 2),
    ],
)
def test_what_comes_about_again_is_told_again(
    tmp_path: Path, *, read: bool, taken: bool, later: timedelta, told: int
) -> None:
    """Once a person has read the first, or a day after the webhook took it."""
    create(tmp_path / "a.db")
    tx = connect(tmp_path / "a.db")
    tell(tx, AGAIN, micros(START))
    if taken:
        (first,) = waiting(tx)
        mark_sent(tx, [int(str(first["id"]))], micros(START))
    if read:
        mark_seen(tx, unread(tx), micros(START))
    tell(tx, AGAIN, micros(START + later) + 1)
    assert tx.execute("SELECT count(*) FROM notice").fetchone() == (told,)
    tx.close()
