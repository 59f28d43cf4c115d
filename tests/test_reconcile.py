"""What a provider shows, beside what our records say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator.backup import restored
from automator.engine import Engine
from automator.intentions import State
from automator.posting import posts
from automator.posting.posts import NewDelivery
from automator.reconcile import Finding, Kind, Ours, compare, plain, reconcile
from automator.sandbox.faults import Fault
from connectors.base import NotNow
from connectors.network import Shown
from connectors.post import Form, Part
from tests.clocks import START, StillClock
from tests.scheduling.opened import opened
from tests.scheduling.provider import Provider

MINUTE = timedelta(minutes=1)


def shown(number: int, text: str = "Hello", minutes: float = 0) -> Shown:
    return Shown({"id": str(number)}, text, START + minutes * MINUTE)


def ours(number: int | None, text: str = "Hello", state: State = State.DONE, **more: Any) -> Ours:
    result = {} if number is None else {"id": str(number)}
    made = Ours(f"d{number}", 0, text, Form.POST, state, result, START, START)
    return replace(made, **more)


OPEN = ours(None, state=State.UNCONFIRMED)
SECOND = replace(OPEN, part=1)
URI = Shown({"uri": "at://did:plc:a/app.bsky.feed.post/3k", "cid": "b"}, "Hello", START)
BY_HANDLE = ours(None, result={"uri": "at://brand.test/app.bsky.feed.post/3k"})


@pytest.mark.parametrize(
    ("there", "here", "wanted"),
    [
        ([], [], []),
        ([shown(1)], [ours(1)], [(Kind.MATCHED, "1", "d1")]),
        ([shown(1, "Edited there")], [ours(1)], [(Kind.MATCHED, "1", "d1")]),
        ([URI], [BY_HANDLE], [(Kind.MATCHED, "3k", "dNone")]),
        ([shown(1)], [], [(Kind.FOREIGN, "1", None)]),
        ([shown(2)], [ours(1)], [(Kind.FOREIGN, "2", None), (Kind.MISSING, None, "d1")]),
        ([], [ours(1)], [(Kind.MISSING, None, "d1")]),
        ([], [ours(1, deleted=True)], []),
        ([shown(1)], [ours(1, deleted=True)], [(Kind.MATCHED, "1", "d1")]),
        ([], [ours(1, form=Form.STORY)], []),
        ([], [ours(1, form=Form.COMMENT)], []),
        ([], [ours(1, sent=START - MINUTE)], []),
        ([shown(1)], [OPEN], [(Kind.OPEN, "1", "dNone")]),
        ([shown(1, minutes=-9)], [OPEN], [(Kind.OPEN, "1", "dNone")]),
        ([shown(1, minutes=-11)], [OPEN], [(Kind.FOREIGN, "1", None), (Kind.OPEN, None, "dNone")]),
        ([shown(1, "Other")], [OPEN], [(Kind.FOREIGN, "1", None), (Kind.OPEN, None, "dNone")]),
        ([shown(1)], [replace(OPEN, state=State.SENT)], [(Kind.OPEN, "1", "dNone")]),
        ([shown(1), shown(2)], [OPEN], [(Kind.OPEN, "1", "dNone"), (Kind.FOREIGN, "2", None)]),
        ([shown(1), shown(2)], [ours(1), OPEN], [(Kind.MATCHED, "1", "d1"), (Kind.OPEN, "2", "dNone")]),
        ([shown(2, minutes=1), shown(1)], [SECOND, OPEN], [(Kind.OPEN, "1", "dNone"), (Kind.OPEN, "2", "dNone")]),
        ([], [replace(OPEN, due=START - MINUTE)], []),
        ([], [replace(OPEN, ended=True)], []),
        ([shown(1)], [replace(OPEN, ended=True)], [(Kind.OPEN, "1", "dNone")]),
    ],
)
def test_both_sides_compared(there: list[Shown], here: list[Ours], wanted: list[tuple[object, ...]]) -> None:
    """By the provider's name first; what is open by its text, the earliest to the earliest."""
    said = [
        (
            item.kind,
            (item.shown and str(item.shown.result.get("id") or "3k")),
            (item.ours and item.ours.delivery),
        )
        for item in compare(there, here, START)
    ]
    assert said == wanted


def test_parts_are_taken_in_order() -> None:
    """Two parts with one text: what was published first is the first of them."""
    found = compare([shown(2, minutes=1), shown(1)], [SECOND, OPEN], START)
    assert [(item.shown and item.shown.result["id"], item.ours and item.ours.part) for item in found] == [
        ("1", 0),
        ("2", 1),
    ]


posted = st.builds(shown, st.integers(1, 9), st.sampled_from(["Hello", "Bye"]), st.integers(-20, 20))
kept = st.builds(ours, st.integers(1, 9), st.sampled_from(["Hello", "Bye"]), st.sampled_from(list(State)[1:3]))


@given(st.lists(posted, unique_by=lambda item: item.result["id"]), st.lists(kept, unique_by=lambda item: item.delivery))
def test_everything_shown_is_found_once(there: list[Shown], here: list[Ours]) -> None:
    """No post is left out or counted twice, and none of ours stands for two."""
    found: list[Finding] = compare(there, here, START)
    assert sorted(id(item.shown) for item in found if item.shown) == sorted(map(id, there))
    mine = [id(item.ours) for item in found if item.ours]
    assert len(mine) == len(set(mine))


@pytest.mark.parametrize(
    ("written", "kept_as"),
    [("a  b\n", "a b"), ("see https://example.com/ now", "see example.com now"), ("e\u0301", "\u00e9"), ("a/b", "a/b")],
)
def test_texts_as_far_as_providers_keep_them(written: str, kept_as: str) -> None:
    """White space, protocols and composition may differ."""
    assert plain(written) == kept_as


class Desk:
    """An engine with an account on a twin, and someone else who has its key."""

    def __init__(self, engine: Engine, there: Provider, clock: StillClock) -> None:
        self.engine, self.there, self.clock, self.name = engine, there, clock, f"{there.name}/brand"

    async def plan(self, *texts: str) -> str:
        wanted = NewDelivery(self.name, tuple(map(Part, texts)), self.clock.at, "UTC", "", "-".join(texts))
        (delivery,) = await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], self.clock.at, source="test"))
        return delivery

    async def work(self) -> None:
        await self.engine.worker.run_due(self.clock.at + timedelta(minutes=10))


@pytest.fixture(params=["x", "bluesky"])
async def desk(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    clock = StillClock()
    async with opened(request.param, tmp_path, clock, monkeypatch) as (engine, there):
        yield Desk(engine, there, clock)


async def test_what_both_know_and_what_the_record_lost(desk: Desk) -> None:
    """A restored backup lacks what went out since: it is shown, with the command that settles it."""
    await desk.plan("First see https://example.org", "Second & last")
    await desk.work()
    lost = await desk.plan("Gone from the record")
    await desk.work()
    await desk.engine.writer.run(lambda tx: tx.execute("DELETE FROM intention WHERE key GLOB ?", (f"{lost}/*",)))
    held = await desk.plan("Held")
    await desk.work()
    at = 1_000_000_000
    await desk.engine.writer.run(lambda tx: tx.execute("DELETE FROM intention WHERE key GLOB ?", (f"{held}/*",)))
    await desk.engine.writer.run(lambda tx: tx.execute("UPDATE run SET state = 'waiting' WHERE job = ?", (held,)))
    await desk.engine.writer.run(lambda tx: posts.hold(tx, held, "a backup was put back", at))
    found = await reconcile(desk.engine, desk.name, START - timedelta(days=1))
    assert sorted(item.kind for item in found.findings) == ["foreign", "matched", "matched", "open"]
    (open_,) = found.of(Kind.OPEN)
    assert open_.shown is not None
    command = found.command(open_)
    assert command == f"automator posts resolve {held[:8]} --there {found.link(open_.shown)}"
    result = found.network.read_link(command.split()[-1])
    assert result is not None
    await desk.engine.writer.run(lambda tx: posts.resolve_there(tx, held, result, desk.clock.at, actor="test"))
    await desk.work()
    desk.clock.at += MINUTE
    again = await reconcile(desk.engine, desk.name, START - timedelta(days=1))
    assert sorted(item.kind for item in again.findings) == ["foreign", "matched", "matched", "matched"]
    assert again.cost == (100 if desk.there.name == "x" else 0)
    assert len(desk.there.world()) == 4


async def test_what_was_cancelled_before_a_backup_was_put_back_asks_for_nothing(desk: Desk) -> None:
    """It is held until someone wants to try it again; that it is not there is no news, and there is nothing to settle."""
    taken_back = await desk.plan("Never meant to be")
    await desk.engine.writer.run(lambda tx: posts.cancel(tx, taken_back, desk.clock.at, actor="test"))
    await desk.engine.writer.run(lambda tx: restored(tx, {}, None, desk.clock.at, actor="test"))
    found = await reconcile(desk.engine, desk.name, START - timedelta(days=1))
    assert found.findings == ()


async def test_what_is_no_longer_shown(desk: Desk) -> None:
    """Someone took it down; we say that we know it as published."""
    await desk.plan("Here", "And gone")
    await desk.work()
    world = desk.there.app[desk.there.module.WORLD]
    if desk.there.name == "x":
        world.posts.popitem()
    else:
        next(iter(world.accounts.values())).records.popitem()
    found = await reconcile(desk.engine, desk.name, START - timedelta(days=1))
    assert [item.ours and item.ours.text for item in found.of(Kind.MISSING)] == ["And gone"]


async def test_a_provider_that_does_not_answer_changes_nothing(desk: Desk) -> None:
    """The sentence comes from the call; no finding is made up."""
    await desk.plan("Here")
    await desk.work()
    desk.there.faults.append(Fault(path="", method="GET", fault="html-after", times=9))
    with pytest.raises(NotNow):
        await reconcile(desk.engine, desk.name, START - timedelta(days=1))
