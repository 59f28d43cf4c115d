"""A live bot's share: it takes no more of its account than its funds, and what it has bought for them, are."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automator.trading import bots, funds, orders, share
from automator.trading.bots import BotError, OnStop, State
from automator.trading.share import Share
from connectors.order import Fill, OrderRequest, OrderType, Side
from jobs.bots.backtest import play
from jobs.bots.kinds import made
from tests.bots.market import FUNDS, MARKET, MINUTE, floor
from tests.bots.samples import BUY, DCA, GRID, SHARES, candles

D = Decimal


def traded(fills: Iterable[Fill]) -> list[tuple[object, ...]]:
    return sorted((one.side, one.price, one.amount) for one in fills)


@pytest.mark.parametrize(
    ("kind", "given", "much", "why"),
    [
        ("grid", GRID, 150, "what the sells need was not bought: the order needs 630.6405 USDT, and 150 USDT"),
        ("grid", GRID, 800, ""),
        ("recurring_buy", BUY, 250, ""),
        ("deal_dca", DCA, 900, ""),
        ("deal_dca", DCA, 199, "orders were not filled 3 times: the order needs"),
        ("rebalance", SHARES, 300, ""),
    ],
)
async def test_with_little_it_trades_as_on_paper(
    tmp_path: Path, kind: str, given: dict[str, Any], much: int, why: str
) -> None:
    """Though its account has much more: what it can't pay is refused, and nothing of that is sent."""
    path, given_funds = candles(), {"USDT": D(much)}
    played = play(made(kind, given), {MARKET.symbol: MARKET}, given_funds, {MARKET.symbol: path}, MINUTE)
    tested = traded(one.fill for one in played.fills)
    assert why in played.why
    for live in (True, False):
        async with floor(tmp_path / str(live)) as there:
            await there.add(kind, live=live, funds=given_funds, on_stop="keep", **given)
            for candle in path:
                await there.minute(candle)
            await there.due()
            bot, reader = there.bot(), there.engine.reader
            fills = there.world.paper.fills() if live else [one.fill for one in bots.paper(reader, "bot-1")]
            assert traded(fills) == tested
            assert (bot.state is State.STOPPED, why in bot.why) == (bool(why), True)
            assert all(D(amount) >= 0 for amount in (bot.kept or {})["held"].values())


async def test_two_bots_do_not_take_what_is_the_others(tmp_path: Path) -> None:
    """One account, and each has its own part of it: the first can't spend what the second has not spent yet."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", "poor", live=True, funds={"USDT": D(150)}, **BUY)
        await there.add("recurring_buy", "rich", live=True, funds={"USDT": D(5000)}, **BUY)
        for candle in candles(24):
            await there.minute(candle)
        spent = {
            name: sum(item.cost for item in orders.listed(there.engine.reader, owner=name)) for name in ("poor", "rich")
        }
        assert spent["poor"] <= 100
        assert spent["rich"] > 400
        refused = [item for item in orders.listed(there.engine.reader, owner="poor") if item.reason]
        assert refused[0].reason.startswith("the order needs 100 USDT, and 50")
        assert refused[0].reason.endswith("USDT of its funds is free")
        assert any("poor: buy BTC/USDT was not placed" in text for text in there.notices())


@pytest.mark.parametrize("stopped", [False, True])
async def test_it_can_be_given_more_and_keeps_what_it_has(tmp_path: Path, *, stopped: bool) -> None:
    """Without being removed, which would forget what it holds; it buys on for it, no more."""
    path = candles(30)
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", live=True, funds={"USDT": D(150)}, **BUY)
        for candle in path[:12]:
            await there.minute(candle)
        await there.due()
        now, write, before = there.clock.now(), there.engine.writer.run, bots.held(there.bot())
        assert before["USDT"] < 100
        if stopped:
            await write(lambda tx: bots.stop(tx, "bot-1", OnStop.CANCEL, now, actor="user"))
        await write(lambda tx: funds.add(tx, "bot-1", {"USDT": D(200), "BTC": D(1)}, now, actor="user"))
        if stopped:
            await write(lambda tx: bots.start(tx, "bot-1", now, actor="user"))
        after = bots.held(there.bot())
        assert (after["USDT"], after["BTC"]) == (before["USDT"] + 200, before["BTC"] + 1)
        assert there.bot().funds == {"USDT": D(350), "BTC": D(1)}
        for candle in path[12:]:
            await there.minute(candle)
        await there.due()
        spent = sum(item.cost for item in orders.listed(there.engine.reader, owner="bot-1"))
        assert 290 < spent <= 350


async def test_on_paper_it_can_t_be_given_more(tmp_path: Path) -> None:
    """What it was compared with would be another; it is said what to do instead."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", live=False, **BUY)
        now = there.clock.now()
        with pytest.raises(BotError, match="add another bot with more"):
            await there.engine.writer.run(lambda tx: funds.add(tx, "bot-1", {"USDT": D(1)}, now, actor="user"))


async def test_what_it_was_not_told_of_yet_is_spent_all_the_same(tmp_path: Path) -> None:
    """A fill that is in the books, and one that the exchange has counted and not shown, are free no more."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", live=True, funds={"USDT": D(500)}, **BUY)
        (candle,) = candles(1)
        await there.minute(candle)
        bot, reader = there.bot(), there.engine.reader
        (order,) = orders.listed(reader)
        assert order.cost > 99
        has = share.of(reader, bot, {"USDT": D(500)}, 0)
        (why,) = has.lacks(buying(D(401)), price=D(100))
        assert why.startswith(f"the order needs 401 USDT, and {500 - order.cost:f}".rstrip("0"))
        tell = "UPDATE ordered SET told = 0"
        await there.engine.writer.run(lambda tx: (tx.execute(tell), tx.execute("DELETE FROM order_news")))
        assert share.of(reader, bot, {"USDT": D(500)}, 0).lacks(buying(D(401)), price=D(100)) == (why,)


def buying(much: Decimal) -> OrderRequest:
    return OrderRequest("a", "BTC/USDT", Side.BUY, OrderType.MARKET, quote_amount=much)


def selling(much: Decimal) -> OrderRequest:
    return OrderRequest("a", "BTC/USDT", Side.SELL, OrderType.LIMIT, amount=much, price=D(100))


def test_each_order_leaves_less_for_the_next() -> None:
    """Of a pair the dearer half counts, once; what is refused takes nothing."""
    has = Share({"USDT": D(100), "BTC": D(1)})
    assert has.lacks(buying(D(60)), price=D(100)) == ()
    assert has.lacks(buying(D(60)), price=D(100)) == ("the order needs 60 USDT, and 40 USDT of its funds is free",)
    assert has.lacks(buying(D(40)), price=D(100)) == ()
    assert has.lacks(selling(D("0.6")), selling(D("0.6")), price=D(100)) == ()
    assert has.lacks(selling(D("0.6")), price=D(100)) == ("the order needs 0.6 BTC, and 0.4 BTC of its funds is free",)


def test_a_stop_loss_of_what_a_person_bought_is_not_kept_back() -> None:
    """How much that is, its parameters say; its funds need not name it."""
    assert Share({"USDT": FUNDS["USDT"]}, sells_others=True).lacks(selling(D(2)), price=D(100)) == ()
    assert Share({}, sells_others=True).lacks(buying(D(2)), price=D(100)) != ()
