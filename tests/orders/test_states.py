"""An order's way, as a table: what may happen to it, and what it is then."""

from __future__ import annotations

import pytest

from connectors.order import OrderState
from jobs.orders.states import ENDED, FINAL, LIVE, MAYBE, Happened, State, Step, after

#: every step that changes something
WAYS: dict[tuple[State, Step], State] = {
    (State.INTENT, Step.SEND): State.SENT,
    (State.SENT, Step.SEND): State.SENT,
    (State.SENT, Step.ACCEPTED): State.OPEN,
    (State.UNKNOWN, Step.ACCEPTED): State.OPEN,
    (State.UNCONFIRMED, Step.ACCEPTED): State.OPEN,
    (State.SENT, Step.REFUSED): State.REJECTED,
    (State.UNKNOWN, Step.REFUSED): State.REJECTED,
    (State.UNCONFIRMED, Step.REFUSED): State.REJECTED,
    (State.SENT, Step.UNSENT): State.INTENT,
    (State.INTENT, Step.LOST): State.UNKNOWN,
    (State.SENT, Step.LOST): State.UNKNOWN,
    (State.UNKNOWN, Step.ABSENT): State.NOT_PLACED,
    (State.UNKNOWN, Step.DOUBT): State.UNCONFIRMED,
    (State.INTENT, Step.DROPPED): State.NOT_PLACED,
    (State.UNCONFIRMED, Step.THERE): State.OPEN,
    (State.UNCONFIRMED, Step.NOT_THERE): State.NOT_PLACED,
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_what_happens_leads_where_the_table_says(state: State, step: Step) -> None:
    """And nowhere else: what is not in the table changes nothing."""
    assert after(state, step) is WAYS.get((state, step))


@pytest.mark.parametrize("shown", OrderState)
@pytest.mark.parametrize("state", State)
def test_what_the_exchange_shows_counts(state: State, shown: OrderState) -> None:
    """Also for an order that was judged not to be there; what it once called ended stays so."""
    said = after(state, shown)
    if state in FINAL or (state, shown) == (State.PARTIALLY_FILLED, OrderState.OPEN):
        assert said is None
    else:
        assert said == shown.value


def test_only_an_intent_may_leave() -> None:
    """No state but these can be followed by a send, whatever happens before: nothing leads back to them."""
    sendable = {state for state in State if after(state, Step.SEND)}
    happened: list[Happened] = [*(step for step in Step if step is not Step.UNSENT), *OrderState]
    reached = {after(state, one) for state in set(State) - sendable for one in happened}
    assert sendable == {State.INTENT, State.SENT}
    assert reached & sendable == set()


def test_the_states_are_divided() -> None:
    """Each is before the exchange, perhaps or surely there, or ended."""
    assert {State.INTENT} | MAYBE | LIVE | ENDED == set(State)
    assert not MAYBE & LIVE
    assert not (MAYBE | LIVE) & ENDED
    assert FINAL < ENDED
