"""Who goes first when a budget is contended."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator.budgets.line import Line, Share, Turn, front, turn
from connectors.base import Scope

POSTS, ORDERS = ("toy/a", "posts"), ("toy/a", "orders")


@pytest.mark.parametrize(
    ("waiting", "first"),
    [
        ([(Scope.READ, 0.0), (Scope.WRITE, 0.0), (Scope.TRADE, 0.0)], 2),
        ([(Scope.READ, 0.0), (Scope.WRITE, 0.0)], 1),
        ([(Scope.READ, 0.0), (Scope.DELETE, 3.0)], 1),
        ([(Scope.WRITE, 0.0), (Scope.WRITE, 1.0)], 0),
        ([(Scope.WRITE, 0.0), (Scope.DELETE, 0.0)], 0),
        # whoever has waited long enough is no longer overtaken
        ([(Scope.READ, 0.0), (Scope.WRITE, 4.5)], 0),
        ([(Scope.READ, 0.0), (Scope.TRADE, 6.5)], 0),
        ([(Scope.WRITE, 0.0), (Scope.TRADE, 2.5)], 0),
        ([(Scope.WRITE, 0.0), (Scope.TRADE, 1.5)], 1),
    ],
)
def test_orders_before_posts_before_reads(waiting: list[tuple[Scope, float]], first: int) -> None:
    """The dearest goes first, unless another one has waited for so long that it is its turn."""
    turns = [turn(scope, arrived, number, {POSTS}) for number, (scope, arrived) in enumerate(waiting)]
    assert front(turns, {}) == [turns[first]]


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Scope)), st.floats(0, 100), st.sets(st.sampled_from("abcd"), min_size=1)),
        min_size=1,
    )
)
def test_there_is_always_one_to_go_and_none_passes_another(calls: list[tuple[Scope, float, set[str]]]) -> None:
    """Someone is always at the front, no two of them want the same budget, and nobody behind is before them."""
    waiting = [
        turn(scope, at, number, {("s", name) for name in names}) for number, (scope, at, names) in enumerate(calls)
    ]
    first = front(waiting, {})
    assert first[0] == min(waiting)
    for one in first:
        assert not [other for other in waiting if other < one and other.budgets & one.budgets]


def test_a_read_is_not_starved() -> None:
    """Orders that never stop coming delay a read by seconds, not for ever."""
    read = turn(Scope.READ, 0.0, 0, {POSTS})
    orders = [turn(Scope.TRADE, at / 10, 1 + at, {POSTS}) for at in range(1000)]
    place = sorted([read, *orders]).index(read)
    assert orders[place].due < 10


@pytest.mark.parametrize(("width", "through"), [({}, 1), ({POSTS: 2}, 2), ({POSTS: 9}, 4), ({ORDERS: 9}, 1)])
def test_as_many_try_as_the_budget_seems_to_have_room_for(width: dict[Share, int], through: int) -> None:
    """The earliest of those that wait, and never one whose other budget is kept back."""
    turns = [turn(Scope.WRITE, 0.0, number, {POSTS}) for number in range(4)]
    assert front(turns, width) == turns[:through]
    both = [turn(Scope.WRITE, 0.0, number, {POSTS, ORDERS}) for number in range(4)]
    assert front(both, width) == both[:1]


async def test_a_budget_that_is_free_again_is_not_handed_out_call_by_call() -> None:
    """Each that fits lets twice as many try; the first that does not makes it one again."""
    line, trying = Line(), list[int]()
    turns = [turn(Scope.WRITE, 0.0, number, {POSTS}) for number in range(8)]

    async def wait(mine: Turn) -> None:
        await line.reach(mine)
        trying.append(mine.number)

    line.join(turns[0])
    tasks = [asyncio.ensure_future(wait(mine)) for mine in turns[1:]]
    await asyncio.sleep(0)
    tried: list[list[int]] = []
    for step in (turns[0], turns[1], turns[2]):
        line.fitted(step)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tried.append(list(trying))
    assert tried == [[1, 2], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]]
    line.join(turns[3])
    assert front(turns[3:], {}) == [turns[3]]
    await asyncio.gather(*tasks)


async def _through(line: Line, mine: Turn, sent: list[int]) -> None:
    await line.reach(mine)
    sent.append(mine.number)
    line.leave(mine)


async def test_the_line_lets_one_through_at_a_time() -> None:
    """While the first still waits for room nobody overtakes it, except calls that want another budget."""
    line, sent = Line(), list[int]()
    full = turn(Scope.WRITE, 0.0, 0, {POSTS})
    line.join(full)
    reads = [asyncio.ensure_future(_through(line, turn(Scope.READ, 0.0, n, {POSTS}), sent)) for n in (1, 2)]
    await _through(line, turn(Scope.READ, 0.0, 3, {ORDERS}), sent)
    await _through(line, turn(Scope.TRADE, 0.5, 4, {POSTS}), sent)
    assert sent == [3, 4]
    line.leave(full)
    await asyncio.gather(*reads)
    assert sent == [3, 4, 1, 2]


async def test_one_who_gives_up_holds_up_nobody() -> None:
    """A call that is cancelled while it waits leaves its place to the next."""
    line, sent = Line(), list[int]()
    full, gone, last = (turn(Scope.WRITE, 0.0, number, {POSTS}) for number in range(3))
    line.join(full)
    waits = asyncio.ensure_future(line.reach(gone))
    behind = asyncio.ensure_future(_through(line, last, sent))
    await asyncio.sleep(0)
    waits.cancel()
    line.leave(full)
    await asyncio.sleep(0)
    line.leave(gone)
    await behind
    assert sent == [2]
