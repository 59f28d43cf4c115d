"""Accounts: what a person is told of their keys in time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automator import accounts
from automator.db import connect
from automator.notices import unread
from automator.schema import create
from connectors.base import Scope
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


def test_what_an_account_may_do_is_changed_on_the_record(tmp_path: Path) -> None:
    """Each change is an event that says what was before; what stays as it is makes none."""
    create(tmp_path / "a.db")
    tx = connect(tmp_path / "a.db")
    accounts.add(tx, accounts.fresh("x/brand"), NOW, actor="test")
    for _ in range(2):
        stands = accounts.change(tx, "x/brand", NOW, scopes={Scope.READ}, send_again=True, actor="anna")
    assert (stands.scopes, stands.send_again) == ({Scope.READ}, True)
    assert accounts.load(tx, "x/brand") == stands
    said = [json.loads(row[0]) for row in tx.execute("SELECT said(data) FROM entry WHERE kind = 'event' ORDER BY seq")]
    assert [item["what"] for item in said] == ["account added", "scopes", "send again"]
    assert (said[1]["before"], said[1]["scopes"]) == (["delete", "read", "write"], ["read"])
    assert {item["actor"] for item in said[1:]} == {"anna"}
    with pytest.raises(accounts.NoAccount, match="accounts add x/other"):
        accounts.change(tx, "x/other", NOW, send_again=True, actor="anna")
    tx.close()
