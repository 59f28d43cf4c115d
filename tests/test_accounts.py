"""Accounts: what a person is told of their keys in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from automator import accounts
from automator.db import connect
from automator.notices import unread
from automator.schema import create
from connectors.network import Identity

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_a_key_that_expires_soon_is_told_of_once(tmp_path: Path) -> None:
    """A week before, with what to do; not again while the notice is unread."""
    create(tmp_path / "a.db")
    tx = connect(tmp_path / "a.db")
    for name, days in (("x/soon", 5), ("x/later", 30), ("x/never", None)):
        accounts.add(tx, accounts.fresh(name), NOW, actor="test")
        expires = NOW + timedelta(days=days) if days else None
        accounts.tested(tx, name, Identity("7", "@brand", expires), NOW)
    for hours in (0, 24):
        accounts.warn_of_expiry(tx, NOW + timedelta(hours=hours))
    (told,) = unread(tx)
    assert told["kind"] == "expiring"
    assert "x/soon stops working on 2026-12-06" in str(told["text"])
    assert "accounts rotate x/soon" in str(told["text"])
    tx.close()
