"""How an order goes from an intent to its end. A pure table: what happened, and what the order is then."""

from __future__ import annotations

from enum import StrEnum

from connectors.order import OrderState


class State(StrEnum):
    """How far an order of ours has come."""

    INTENT = "intent"  #: approved; nothing has left
    SENT = "sent"  #: it may have left; its answer is not here
    UNKNOWN = "unknown"  #: the answer was lost; the exchange will be asked
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"  #: by the exchange
    EXPIRED = "expired"
    NOT_PLACED = "not_placed"  #: it never reached the exchange, and never will
    UNCONFIRMED = "unconfirmed"  #: cannot be known; a person settles it


class Step(StrEnum):
    """What can happen to an order, beside the exchange showing it in a state."""

    SEND = "send"  #: the decision to send it is being recorded
    ACCEPTED = "accepted"  #: the exchange said yes
    REFUSED = "refused"  #: the exchange said no, and nothing happened
    UNSENT = "unsent"  #: nothing left, or nothing happened; it may be sent
    LOST = "lost"  #: the answer did not come
    ABSENT = "absent"  #: asked several times, after its delay, the exchange does not have it
    DOUBT = "doubt"  #: the exchange does not say enough to decide
    DROPPED = "dropped"  #: given up before anything left
    THERE = "there"  #: a person saw it
    NOT_THERE = "not_there"  #: a person looked, and it is not there


Happened = Step | OrderState

LIVE = frozenset({State.OPEN, State.PARTIALLY_FILLED})  #: may still be filled, by all we know
MAYBE = frozenset({State.SENT, State.UNKNOWN, State.UNCONFIRMED})  #: may be at the exchange
COUNTED = LIVE | MAYBE | {State.INTENT}  #: those that a limit of open orders counts
ENDED = frozenset({State.FILLED, State.CANCELLED, State.REJECTED, State.EXPIRED, State.NOT_PLACED})
FINAL = frozenset({State.FILLED, State.CANCELLED, State.EXPIRED})  #: the exchange's own last word

_STEPS: dict[Step, tuple[frozenset[State], State]] = {
    Step.SEND: (frozenset({State.INTENT, State.SENT}), State.SENT),
    Step.ACCEPTED: (MAYBE, State.OPEN),
    Step.REFUSED: (MAYBE, State.REJECTED),
    Step.UNSENT: (frozenset({State.SENT}), State.INTENT),
    Step.LOST: (frozenset({State.INTENT, State.SENT}), State.UNKNOWN),
    Step.ABSENT: (frozenset({State.UNKNOWN}), State.NOT_PLACED),
    Step.DOUBT: (frozenset({State.UNKNOWN}), State.UNCONFIRMED),
    Step.DROPPED: (frozenset({State.INTENT}), State.NOT_PLACED),
    Step.THERE: (frozenset({State.UNCONFIRMED}), State.OPEN),
    Step.NOT_THERE: (frozenset({State.UNCONFIRMED}), State.NOT_PLACED),
}


def after(state: State, happened: Happened) -> State | None:
    """What the order is then; ``None``: this can't happen to it, or is old news.

    That the exchange shows an order outweighs whatever we concluded without it, also that it was not placed. What it
    once called ended stays so, and an order does not become less filled: such an answer is older than what we know.
    """
    if isinstance(happened, Step):
        sources, target = _STEPS[happened]
        return target if state in sources else None
    shown = State(happened.value)
    if state in FINAL or (state is State.PARTIALLY_FILLED and shown is State.OPEN):
        return None
    return shown
