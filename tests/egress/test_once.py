"""Once: every state of an intention against every effect."""

from __future__ import annotations

import pytest

from automator.egress.once import Decision, Refuse, Resolve, Reuse, Send, decide
from automator.intentions import Intention, State
from connectors.base import Effect

PLAN = {"text": "hello"}
DONE = Reuse({"id": "1"})

TABLE: list[tuple[State | None, Effect, type | Decision]] = [
    (None, Effect.READ, Send()),
    (None, Effect.REPEATABLE, Refuse),
    (None, Effect.ONCE, Refuse),
    (State.PLANNED, Effect.REPEATABLE, Send()),
    (State.PLANNED, Effect.ONCE, Send()),
    (State.SENT, Effect.REPEATABLE, Send()),
    (State.SENT, Effect.ONCE, Resolve()),
    (State.DONE, Effect.REPEATABLE, DONE),
    (State.DONE, Effect.ONCE, DONE),
    (State.REFUSED, Effect.REPEATABLE, Refuse),
    (State.REFUSED, Effect.ONCE, Refuse),
    (State.ABSENT, Effect.REPEATABLE, Refuse),
    (State.ABSENT, Effect.ONCE, Refuse),
    (State.UNCONFIRMED, Effect.REPEATABLE, Refuse),
    (State.UNCONFIRMED, Effect.ONCE, Refuse),
]


def stored(state: State | None) -> Intention | None:
    return None if state is None else Intention("k", PLAN, state, 1, {"id": "1"} if state is State.DONE else {}, 0)


@pytest.mark.parametrize(("state", "effect", "expected"), TABLE)
def test_table(state: State | None, effect: Effect, expected: type | Decision) -> None:
    """The same plan again is sent, answered from the record, looked up or refused."""
    decision = decide(effect, stored(state), PLAN)
    assert isinstance(decision, expected) if isinstance(expected, type) else decision == expected


@pytest.mark.parametrize(("state", "effect", "expected"), TABLE)
def test_a_plan_that_is_frozen_as_it_is_sent(state: State | None, effect: Effect, expected: type | Decision) -> None:
    """Nothing was planned: the recorder does it. Anything was: the table holds all the same."""
    decision = decide(effect, stored(state), PLAN, claimed=False)
    wanted = Send() if state is None else expected
    assert isinstance(decision, wanted) if isinstance(wanted, type) else decision == wanted


@pytest.mark.parametrize("effect", [Effect.ONCE, Effect.REPEATABLE])
@pytest.mark.parametrize("state", list(State))
def test_another_plan_under_the_same_key(state: State, effect: Effect) -> None:
    """A different plan is never sent, and is judged only after an open intention is resolved."""
    decision = decide(effect, stored(state), {"text": "something else"})
    expected = Resolve if (state, effect) == (State.SENT, Effect.ONCE) else Refuse
    assert isinstance(decision, expected)
