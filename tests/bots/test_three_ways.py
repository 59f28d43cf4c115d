"""What is not of Automator's own making, messages and a user's strategy: the same orders live, on paper, in a backtest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automator.trading import bots
from connectors.exchange import twin as binance
from connectors.market import Candle, Market
from jobs.bots.backtest import play
from jobs.bots.kinds import OWN, made, opened
from jobs.bots.strategies.signal import SignalBot, replayed, take
from tests.bots.market import ACCOUNT, FUNDS, MARKET, MINUTE, Floor, floor
from tests.bots.samples import candles
from tests.bots.test_twin import ACCOUNT as BINANCE
from tests.bots.test_twin import sandbox
from tests.bots.watch import ordered, watched
from tests.clocks import START

Place = Callable[[Path, Sequence[Candle]], AbstractAsyncContextManager[Floor]]


def _small(folder: Path, path: Sequence[Candle]) -> AbstractAsyncContextManager[Floor]:
    return floor(folder)


def _binance(folder: Path, path: Sequence[Candle]) -> AbstractAsyncContextManager[Floor]:
    return sandbox(folder, path, FUNDS)


PLACES = pytest.mark.parametrize(
    ("place", "account", "market"),
    [(_small, ACCOUNT, MARKET), (_binance, BINANCE, binance.USUAL)],
    ids=["small", "binance"],
)

SECRET = "canary-of-three-ways"  # noqa: S105 - it opens nothing
SIGNAL = {"symbol": "BTC/USDT", "amount": 100}
#: seconds after the start, and what is sent then: within a candle, twice in one, a copy, a sale of a part, of all, of
#: what is not there, one that its fill is not told of before the next
SENT: Sequence[tuple[int, Mapping[str, Any]]] = (
    (75, {"action": "enter_long"}),
    (95, {"action": "buy", "order": {"amount": "0.5", "currency_type": "base"}}),
    (95, {"action": "buy", "order": {"amount": "0.5", "currency_type": "base"}}),
    (190, {"action": "enter_long", "order": {"amount": "25", "currency_type": "balance_percent"}, "id": "a"}),
    (250, {"action": "enter_long", "order": {"amount": "25", "currency_type": "balance_percent"}, "id": "a"}),
    (340, {"action": "sell", "order": {"amount": "50", "currency_type": "position_percent"}}),
    (410, {"action": "exit_long"}),
    (470, {"action": "exit_long"}),
    (500, {"action": "buy", "order": {"amount": "0.000001", "currency_type": "base"}}),
    (530, {"action": "enter_long"}),
)


def message(after: int, said: Mapping[str, Any]) -> str:
    return json.dumps({"timestamp": (START + timedelta(seconds=after)).isoformat(), "secret": SECRET, **said})


async def receive(there: Floor, text: str) -> None:
    """As ``automator signal`` does."""
    now = there.clock.now()
    taken = take(text, SECRET, SignalBot.model_validate(SIGNAL), now)
    await there.engine.writer.run(lambda tx: bots.receive(tx, there.bot(), taken, now, actor="user"))


async def passes(there: Floor, candle: Candle, texts: Mapping[datetime, Sequence[str]]) -> None:
    """What is sent while the candle lasts, then its close."""
    for at in sorted(at for at in texts if candle.at <= at < candle.at + MINUTE):
        there.clock.at = at
        for text in texts[at]:
            await receive(there, text)
            await there.engine.worker.run_due()
    if isinstance(there.world, binance.World):
        there.clock.at = candle.at + MINUTE
        await there.due()
    else:
        await there.minute(candle)


async def traded(
    place: Place, folder: Path, kind: str, given: Mapping[str, Any], path: Sequence[Candle], **more: Any
) -> None:
    sent = more.pop("sent", {})
    async with place(folder, path) as there:
        await there.add(kind, **more, **given)
        for candle in path:
            await passes(there, candle, sent)
        await there.due()


@PLACES
async def test_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place, account: str, market: Market
) -> None:
    """Sent at the same instants, they become the same orders."""
    path, bot = candles(12), SignalBot.model_validate(SIGNAL)
    texts = [message(after, said) for after, said in SENT]
    sent: dict[datetime, list[str]] = {}
    for (after, _), text in zip(SENT, texts, strict=True):
        sent.setdefault(START + timedelta(seconds=after), []).append(text)
    with watched(monkeypatch) as tested:
        signals = replayed(texts, bot)
        played = play(
            made("signal", SIGNAL), {market.symbol: market}, FUNDS, {market.symbol: path}, MINUTE, signals=signals
        )
    assert [len(asked) for asked in ordered(tested).values()] == [2, 1, 1, 1, 1]
    assert {one.fill.at for one in played.fills} == {signal.at for signal in signals} - {
        START + timedelta(seconds=after) for after in (470, 500)
    }
    for live in (True, False):
        with watched(monkeypatch) as arrived:
            await traded(place, tmp_path / str(live), "signal", SIGNAL, path, live=live, account=account, sent=sent)
        assert ordered(arrived) == ordered(tested)


OWN_FILE = '''
class Mine:
    """Buys below the mean of five closes by a limit, sells above it at the market, and cancels what was not filled."""

    symbols = ["BTC/USDT"]

    def __init__(self, parameters):
        self.amount = parameters["amount"]

    def decide(self, state, view, now):
        state = state or {"closes": [], "count": 0, "open": "", "held": 0.0, "until": ""}
        wishes = []
        for event in view["events"]:
            if event["event"] == "closed":
                state["closes"] = (state["closes"] + [float(event["candle"]["close"])])[-5:]
            if event["event"] == "filled":
                much = float(event["fill"]["amount"])
                state["held"] += much if event["fill"]["side"] == "buy" else -much
            if event["event"] == "ended" and event["tag"] == state["open"]:
                state["open"] = ""
        price, mean = float(view["prices"]["BTC/USDT"]), sum(state["closes"]) / max(1, len(state["closes"]))
        if state["open"]:
            return state, [{"cancel": state["open"]}]
        state["count"] += 1
        order = {"tag": f"a-{state['count']}", "symbol": "BTC/USDT", "amount": self.amount}
        if price < mean:
            state["open"] = order["tag"]
            wishes = [{"place": order | {"side": "buy", "type": "limit", "price": str(int(price) - 1)}}]
        elif state["held"] > 0:
            state["open"] = order["tag"]
            wishes = [{"place": order | {"side": "sell", "type": "market"}}]
        return state, wishes
'''


@PLACES
async def test_a_strategy_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place, account: str, market: Market
) -> None:
    """The same file, asked in a process of its own all three times."""
    path, file = candles(16), tmp_path / "mine.py"
    file.write_text(OWN_FILE, encoding="utf-8")
    given = {"file": str(file), "amount": "0.5"}
    with watched(monkeypatch) as tested, opened(OWN, given) as own:
        played = play(own, {market.symbol: market}, FUNDS, {market.symbol: path}, MINUTE)
    assert (played.why, {one.fill.side.value for one in played.fills}) == ("", {"buy", "sell"})
    assert {asked[0] for minute in tested.values() for asked in minute} == {"place", "cancel"}
    for live in (True, False):
        with watched(monkeypatch) as arrived:
            await traded(place, tmp_path / str(live), OWN, given, path, live=live, account=account)
        assert ordered(arrived) == ordered(tested)
