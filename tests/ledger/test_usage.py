"""What each key was used for is counted as it happens, not looked up in the record."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import respx
from alembic import command

from automator import schema
from automator.clock import micros
from automator.db import Writer, connect
from automator.egress.call import Account, Call
from automator.egress.stack import Client, client
from automator.egress.wire import base_transport
from automator.ledger import chain
from automator.ledger.prune import Retention, find, prune
from automator.ledger.query import Filter
from automator.ledger.usage import Spent, usage
from connectors.base import NotNow, Operation
from tests.clocks import StillClock
from tests.toy.provider import LIST, Toy, account

URL = "https://toy.example"
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)


class Priced(Toy):
    """Reading costs."""

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        return {"credit": 15}


@dataclass
class World:
    writer: Writer
    reader: sqlite3.Connection
    clock: StillClock
    http: Client
    who: Account

    async def read(self) -> httpx.Response:
        return await self.http.request("GET", f"{URL}/posts", extensions={"automator": Call(LIST, self.who)})

    def told(self) -> list[tuple[str, int, dict[str, int], dict[str, int]]]:
        return [(row.day, row.key, dict(row.outcomes), dict(row.cost)) for row in usage(self.reader)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    path = tmp_path / "a.db"
    schema.create(path)
    reader, clock = connect(path, readonly=True), StillClock()
    who = dataclasses.replace(account(URL), provider=Priced(URL), version=lambda: 3)
    with Writer(path) as writer:
        async with client(base_transport("httpx"), writer, reader, clock) as http:
            yield World(writer, reader, clock, http, who)
    reader.close()


@respx.mock
async def test_a_call_counts_as_soon_as_it_is_recorded(world: World) -> None:
    """Open while it is under way, then as what came of it, by the day and the key it was made with."""
    today = world.clock.now().date().isoformat()
    seen: list[object] = []

    def network(_: httpx.Request) -> httpx.Response:
        seen.append(world.told())
        return httpx.Response(200, json={"posts": []})

    respx.get(f"{URL}/posts").mock(side_effect=network)
    await world.read()
    assert seen == [[(today, 3, {"open": 1}, {"credit": 15})]]
    assert world.told() == [(today, 3, {"ok": 1}, {"credit": 15})]
    respx.get(f"{URL}/posts").mock(side_effect=httpx.ReadError("cut"))
    with pytest.raises(NotNow):
        await world.read()
    ((_, _, outcomes, cost),) = world.told()
    assert outcomes.pop("ok") == 1
    assert cost == {"credit": 15 * (1 + outcomes["unknown"])}
    recorded = world.reader.execute("SELECT outcome, count(*) FROM entry WHERE kind = 'answer' GROUP BY 1").fetchall()
    assert dict(recorded) == {"ok": 1} | outcomes


def counted(ledger: sqlite3.Connection, days_ago: int, key: int, outcome: str | None = "ok") -> None:
    at = micros(NOW - days_ago * DAY)
    spent = Spent.of("x/brand", key, "x.post.create", {"credit": 15})
    chain.append(ledger, "call", at, {}, account="x/brand", operation="x.post.create")
    spent.called(ledger, at)
    if outcome:
        spent.answered(ledger, at, outcome)


def test_it_is_told_by_day_and_key_also_of_what_was_pruned(tmp_path: Path) -> None:
    """How often each key was used, what it cost, and nothing of it is read from the record."""
    schema.create(tmp_path / "a.db")
    ledger = connect(tmp_path / "a.db")
    for days_ago in (40, 30, 30, 20, 0):
        counted(ledger, days_ago, key=1 if days_ago > 25 else 2)
    counted(ledger, 0, 2, outcome=None)
    before = usage(ledger)
    assert [(row.day, row.key, row.outcomes.total()) for row in before] == [
        ("2026-12-01", 2, 2),
        ("2026-11-11", 2, 1),
        ("2026-11-01", 1, 2),
        ("2026-10-22", 1, 1),
    ]
    assert before[0].as_json()["outcomes"] == {"ok": 1, "open": 1}
    assert before[0].cost == {"credit": 30}
    prune(ledger, find(ledger, Retention(row_days=5), NOW), NOW, actor="anna")
    assert usage(ledger) == before
    assert [row.day for row in usage(ledger, Filter(since=NOW - 30 * DAY))] == [row.day for row in before[:3]]
    midnight = datetime(2026, 12, 1, tzinfo=UTC)
    assert usage(ledger, Filter(until=midnight)) == before[1:]
    assert usage(ledger, Filter(account="x/other")) == []
    ledger.close()


def test_what_was_recorded_by_an_older_version_is_counted_too(tmp_path: Path) -> None:
    """The step counts what the record has; a call without an answer is open."""
    path = tmp_path / "a.db"
    with schema.connected(path) as connection:
        command.upgrade(schema.config(connection), "0002")
        connection.exec_driver_sql("PRAGMA user_version=2")
    old = connect(path)
    old.execute("ALTER TABLE entry ADD COLUMN body BLOB")  # for `append`; there were none beside entries then
    for outcome in ("ok", "ok", None):
        told = {"key": 2, "cost": {"credit": 15}}
        number = chain.append(old, "call", micros(NOW), told, account="x/brand", operation="x.post.create")
        if outcome:
            chain.append(old, "answer", micros(NOW), {}, call=number, outcome=outcome)
    chain.append(old, "event", micros(NOW), {"what": "halt"})
    old.execute("UPDATE entry SET data = said(data)")  # entries were text then
    old.execute("ALTER TABLE entry DROP COLUMN body")
    old.close()
    schema.create(path)
    reader = connect(path, readonly=True)
    (row,) = usage(reader)
    reader.close()
    assert (row.day, row.account, row.key, row.operation) == ("2026-12-01", "x/brand", 2, "x.post.create")
    assert (row.outcomes, row.cost) == ({"ok": 2, "open": 1}, {"credit": 45})
