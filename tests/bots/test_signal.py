"""Signal: only genuine, fresh messages are taken, each once, and each makes the order that it names."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.order import Balance, OrderType, Side
from jobs.bots.parameters import BadParameters, read
from jobs.bots.strategies.signal import BadSignal, SignalBot, take
from jobs.bots.strategy import Place, Signal
from tests.bots.seen import BTC, START, placed, view

SECRET = "canary-of-the-signal"  # noqa: S105 - it opens nothing
BOT = SignalBot(symbol=BTC, amount=Decimal(100), max_lag=60)
BUY = {"secret": SECRET, "timestamp": START.isoformat(), "action": "enter_long"}


def text(**changed: Any) -> str:
    return json.dumps({name: value for name, value in (BUY | changed).items() if value is not None})


@pytest.mark.parametrize(
    "stamp",
    [
        START.isoformat(),
        "2026-11-02T00:00:00Z",
        "2026-11-02T00:00:00",
        int(START.timestamp()),
        str(int(START.timestamp())),
        int(START.timestamp() * 1000),
    ],
)
def test_what_is_genuine_and_fresh_is_taken(stamp: str | int) -> None:
    """Times as TradingView and scripts write them; the secret goes no further."""
    taken = take(text(timestamp=stamp, bot_uuid="ignored"), SECRET, BOT, START + timedelta(seconds=60))
    assert taken.at == START
    assert taken.said == {"action": "enter_long", "max_lag": 60}
    assert SECRET not in repr(taken)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (text(secret="wrong"), "secret is not this bot's"),  # noqa: S106 - as above
        (text(secret=None), "secret: field required"),
        (text(timestamp=None), "timestamp: field required"),
        (text(timestamp="yesterday"), "timestamp"),
        (text(timestamp=10**400), "timestamp"),
        (text(timestamp=-(10**18)), "timestamp"),
        (text(timestamp=-(10**11) + 1), "timestamp"),
        (text(timestamp="0001-01-01T00:00:00+14:00"), "timestamp is no time"),
        (text(timestamp=True), "timestamp"),
        (text(timestamp=(START - timedelta(seconds=1)).isoformat()), "61 seconds old, and max_lag is 60"),
        (text(max_lag=10), "60 seconds old, and max_lag is 10"),
        (text(timestamp=(START + timedelta(minutes=3)).isoformat()), "in the future"),
        (text(action="dance"), "action"),
        (text(action=SECRET), "action"),
        (text(tv_instrument="ETHUSDT"), "is for 'ETHUSDT'"),
        (text(order={"amount": "-1"}), "order.amount"),
        (text(order={"amount": "1e400"}), "order.amount"),
        (text(order={"amount": "NaN"}), "order.amount"),
        (text(order={"amount": "1", "currency_type": "shells"}), "order.currency_type"),
        (text(order={"amount": "0%"}), "order.amount"),
        (text(order={"amount": "2x%"}), "order.amount"),
        (text(order={"amount": "2.2.2%"}), "order.amount"),
        (text(order={"amount": "2%", "currency_type": "base"}), "order: amount says what it is of"),
        ("[]", "must be a JSON object"),
        ("buy now " + SECRET, "is not JSON"),
        ("[" * 9_000, "is not JSON"),
        ("x" * 10_001, "longer than"),
    ],
)
def test_what_is_not_is_refused(said: str, words: str) -> None:
    """One sentence, and never the secret in it."""
    with pytest.raises(BadSignal, match=words) as refused:
        take(said, SECRET, BOT, START + timedelta(seconds=60))
    assert SECRET not in str(refused.value)


def test_a_copy_is_known_by_its_id() -> None:
    """The same message has the same id however it is spaced; another one has another."""
    first = take(text(), SECRET, BOT, START).id
    assert take(json.dumps(BUY, indent=4), SECRET, BOT, START).id == first
    assert take(text(action="sell"), SECRET, BOT, START).id != first
    assert take(text(timestamp=(START + timedelta(seconds=1)).isoformat()), SECRET, BOT, START).id != first
    later = (START + timedelta(seconds=1)).isoformat()
    assert take(text(id="a"), SECRET, BOT, START).id == take(text(id="a", timestamp=later), SECRET, BOT, START).id


def heard(at: datetime = START, **said: Any) -> Signal:
    return Signal("1", {"action": "enter_long", "max_lag": 60} | said, at)


@pytest.mark.parametrize(
    ("said", "side", "amount", "quote"),
    [
        ({}, Side.BUY, None, 100),
        ({"order": {"amount": "0.5", "currency_type": "base"}}, Side.BUY, "0.5", None),
        ({"order": {"amount": "25", "currency_type": "balance_percent"}}, Side.BUY, None, 250),
        ({"action": "exit_long"}, Side.SELL, "0.4", None),
        (
            {"action": "exit_long", "order": {"amount": "50", "currency_type": "position_percent"}},
            Side.SELL,
            "0.2",
            None,
        ),
        ({"action": "sell"}, Side.SELL, "0.002", None),
        ({"action": "sell", "order": {"amount": "9", "currency_type": "base"}}, Side.SELL, "0.4", None),
    ],
)
def test_orders(said: dict[str, Any], side: Side, amount: str | None, quote: int | None) -> None:
    """Amounts in each currency; never more is sold than the bot holds."""
    _, wishes = BOT.decide(BOT.begin(), view(50_000, heard(**said), balances={"USDT": 1000, "BTC": "0.4"}), START)
    much = Decimal(amount) if amount else None
    spent = Decimal(quote) if quote else None
    assert wishes == [Place("signal-1", BTC, side, OrderType.MARKET, amount=much, quote_amount=spent)]


def test_what_came_late_to_its_turn_is_left_out() -> None:
    """A message that waited for a halt is not acted on an hour later."""
    state, wishes = BOT.decide(BOT.begin(), view(50_000, heard()), START + timedelta(seconds=61))
    assert wishes == []
    assert state.count == 1


def test_nothing_held_is_nothing_sold() -> None:
    """An exit without a position is no order."""
    assert placed(BOT.decide(BOT.begin(), view(50_000, heard(action="exit_long")), START)[1]) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*BUY, "order", "max_lag", "id", "amount", "currency_type"]), inner, max_size=5
            )
        ),
        max_leaves=12,
    )
)
def test_no_message_breaks_it(said: Any) -> None:
    """Whatever comes is taken or refused."""
    try:
        taken = take(json.dumps(said), SECRET, BOT, START)
    except BadSignal as refused:
        taken = None
        shown = str(refused)
    assert (taken is not None and taken.at <= START) or "\n" not in shown


@pytest.mark.parametrize(
    ("action", "amount", "spent", "sold"),
    [
        ("buy", "100q", "100", None),
        ("buy", "2%", "240", None),
        ("buy", "100%", "10000", None),
        ("buy", "12a%", "1200", None),
        ("buy", "10s%", "3700", None),
        ("buy", "10t%", "3700", None),
        ("buy", "90s%", "10000", None),
        ("sell", "100q", None, "0.002"),
        ("sell", "2%", None, "0.01"),
        ("sell", "100%", None, "0.4"),
        ("sell", "12a%", None, "0.048"),
        ("sell", "10s%", None, "0.074"),
        ("sell", "200a%", None, "0.4"),
    ],
)
def test_amounts_as_octobot_writes_them(action: str, amount: str, spent: str | None, sold: str | None) -> None:
    """Of 12,000 dollars, 2,000 of them in orders, and 0.5 bitcoin, 0.1 of them; never more than is free."""
    taken = take(text(action=action, order={"amount": amount}), SECRET, BOT, START)
    held = {
        "USDT": Balance("USDT", Decimal(10_000), Decimal(2_000)),
        "BTC": Balance("BTC", Decimal("0.4"), Decimal("0.1")),
    }
    market = replace(view(50_000, Signal(taken.id, taken.said, taken.at)), balances=held)
    _, (wish,) = BOT.decide(BOT.begin(), market, START)
    assert isinstance(wish, Place)
    assert (wish.quote_amount, wish.amount) == tuple(None if one is None else Decimal(one) for one in (spent, sold))


def test_the_bots_own_amount_may_be_written_so_too() -> None:
    """What is stored says the same in words; both at once must agree."""
    bot = read("signal", SignalBot, {"symbol": BTC, "amount": "12.5a%"})
    assert (bot.amount, bot.currency_type) == (Decimal("12.5"), "available_percent")
    with pytest.raises(BadParameters, match="amount says what it is of"):
        read("signal", SignalBot, {"symbol": BTC, "amount": "12.5a%", "currency_type": "quote"})
