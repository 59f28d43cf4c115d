"""Backtests: figures that can be computed by hand, nothing of the future, and the same every time."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from automator.cli.app import program
from connectors.market import Candle, Filters, Market
from connectors.order import Side
from jobs.bots.backtest import Played, play
from jobs.bots.figures import curves, figures
from jobs.bots.strategies.grid import Grid
from jobs.bots.strategies.guard import Guard
from jobs.bots.strategies.rebalance import Rebalance
from jobs.bots.strategies.recurring_buy import RecurringBuy
from jobs.bots.strategies.signal import BadSignal, SignalBot, replayed
from tests.bots.seen import BTC, START

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
FEE = Decimal("0.01")
MARKET = Market(BTC, "BTCUSDT", "BTC", "USDT", Filters(Decimal("0.01"), Decimal("0.0001")), maker=FEE, taker=FEE)
MARKETS = {BTC: MARKET}


def candles(*prices: object, every: timedelta = MINUTE) -> list[Candle]:
    """Candles that are at one price all the time."""
    flat = [Decimal(str(price)) for price in prices]
    return [Candle(START + number * every, at, at, at, at, Decimal(100)) for number, at in enumerate(flat)]


def buying(**more: object) -> RecurringBuy:
    given = {"symbol": BTC, "amount_to_buy_in_reference_market": 100, "minutes_before_next_buy": 1440} | more
    return RecurringBuy.model_validate(given)


def test_figures_that_can_be_computed_by_hand() -> None:
    """A hundred dollars at 100, then at 200: 0.99 and 0.495 coins after a fee of 1 %."""
    played = play(buying(), MARKETS, {"USDT": Decimal(1000)}, {BTC: candles(100, 200, 50, every=DAY)}, DAY)
    curve = curves(played, MARKETS)
    held = Decimal("0.99") + Decimal("0.495") + Decimal("1.98")
    assert curve.equity == pytest.approx([999, 1097, float(700 + 50 * held)])
    found = figures(played, MARKETS, curve)
    assert (found.trades, found.buys, found.sells, found.candles) == (3, 3, 0, 3)
    assert found.fees == 3
    assert found.worth_end == 700 + 50 * held
    assert found.profit_percent == pytest.approx(float(700 + 50 * held) / 10 - 100)
    assert found.hold_percent == pytest.approx(-50.5)
    assert found.max_drawdown_percent == pytest.approx(100 * (1 - float(700 + 50 * held) / 1097))
    assert found.win_rate_percent is None
    assert found.stopped == ""


def test_the_win_rate_counts_sales_after_fees() -> None:
    """Bought at 100 and sold at 101 is a loss when each trade costs 1 %; sold at 110 it is a gain."""
    for close, rate in ((101, 0.0), (110, 100.0)):
        grid = Grid.model_validate(
            {"symbol": BTC, "lower_price": 100, "upper_price": close, "grids_quantity": 1, "quantity_per_grid": 1}
        )
        # the line of the buy is touched, then that of the sell
        played = play(grid, MARKETS, {"USDT": Decimal(1000)}, {BTC: candles("100.5", 100, close, close)}, MINUTE)
        assert [one.fill.side for one in played.fills] == [Side.BUY, Side.SELL]
        found = figures(played, MARKETS, curves(played, MARKETS))
        assert found.win_rate_percent == rate


def test_a_decision_knows_nothing_of_the_next_candle() -> None:
    """What is bought at a close is paid at that close, whatever comes."""
    for following in (1, 10_000):
        played = play(buying(), MARKETS, {"USDT": Decimal(1000)}, {BTC: candles(100, following)}, MINUTE)
        assert [one.fill.price for one in played.fills] == [100]


def test_a_stop_ends_it() -> None:
    """The sentence is kept, and nothing is done afterwards."""
    guard = Guard.model_validate({"symbol": BTC, "amount": 1, "entry_price": 100, "stop_loss": "0.1"})
    played = play(guard, MARKETS, {"BTC": Decimal(1)}, {BTC: candles(100, 80, 70, 60)}, MINUTE)
    assert played.why == "the stop-loss was filled"
    assert [(one.tag, one.fill.price) for one in played.fills] == [("stop-1", 80)]
    assert played.moments[-1].held == {"USDT": Decimal("79.2")}


def test_several_symbols_are_played_together() -> None:
    """A rebalance sees the prices of all coins at the same close."""
    other = Market("ETH/USDT", "ETHUSDT", "ETH", "USDT", MARKET.filters)
    bot = Rebalance.model_validate({"indexed_coins": {"BTC": 50, "ETH": 50}, "refresh_interval": 0})
    both = {BTC: candles(100, 100, 100, 400, 400), "ETH/USDT": candles(10, 10, 10, 10, 10)}
    markets = {BTC: Market(BTC, "BTCUSDT", "BTC", "USDT", MARKET.filters), "ETH/USDT": other}
    played = play(bot, markets, {"USDT": Decimal(1000)}, both, MINUTE)
    assert [(one.fill.symbol[:3], one.fill.side.value, one.fill.amount) for one in played.fills] == [
        ("BTC", "buy", 5),
        ("ETH", "buy", 50),
        ("BTC", "sell", Decimal("1.875")),
        ("ETH", "buy", 75),
    ]


def message(at: datetime, action: str, **more: object) -> str:
    return json.dumps({"timestamp": at.isoformat(), "action": action, "secret": "any", **more})


def test_signals_are_acted_on_at_their_time() -> None:
    """At the last close before them, each once, whatever the file's order; without a close yet, or after the end, not."""
    bot = SignalBot(symbol=BTC, amount=Decimal(100))
    sent = [
        message(START + 3 * MINUTE, "exit_long"),
        message(START + timedelta(seconds=90), "enter_long", id="a"),
        message(START + timedelta(seconds=100), "enter_long", id="a"),
        message(START + timedelta(seconds=59), "enter_long"),
        "",
        message(START + 4 * MINUTE, "enter_long"),
    ]
    prices = candles(100, 400, 200, 50)
    played = play(bot, MARKETS, {"USDT": Decimal(1000)}, {BTC: prices}, MINUTE, signals=replayed(sent, bot))
    assert [(one.fill.side, one.fill.price, one.fill.at - START) for one in played.fills] == [
        (Side.BUY, 100, timedelta(seconds=90)),
        (Side.SELL, 200, 3 * MINUTE),
    ]
    assert curves(played, MARKETS).equity == pytest.approx([999, 900 + 99 * 4, 1096.02, 1096.02])


def test_a_message_that_is_none_is_named_by_its_line() -> None:
    """And one for another market."""
    bot = SignalBot(symbol=BTC, amount=Decimal(100))
    good = message(START, "buy")
    for bad, words in (("buy", "line 3: the message is not JSON"), (message(START, "hop"), "line 3: .* action")):
        with pytest.raises(BadSignal, match=words):
            replayed([good, "", bad], bot)
    with pytest.raises(BadSignal, match="line 1: the message is for 'ETHUSDT'"):
        replayed([message(START, "buy", tv_instrument="ETHUSDT")], bot)


def test_the_same_every_time() -> None:
    """Orders, amounts and times."""

    def once() -> Played:
        prices = [100 + 7 * ((number * 37) % 11) for number in range(300)]
        grid = {"symbol": BTC, "lower_price": 100, "upper_price": 170, "grids_quantity": 7, "quantity_per_grid": 1}
        return play(Grid.model_validate(grid), MARKETS, {"USDT": Decimal(5000)}, {BTC: candles(*prices)}, MINUTE)

    assert once() == once()
    assert len(once().fills) > 50


BUYS = ("-p", "amount_to_buy_in_reference_market=100", "-p", "minutes_before_next_buy=1440")
HELD = ("-p", "amount=1", "-p", "entry_price=1", "-p", "stop_loss=0.1")


def written(folder: Path, *prices: object) -> Path:
    path = folder / "BTC-USDT-1d.csv"
    rows = [
        f"{one.at.isoformat()},{one.open},{one.high},{one.low},{one.close},1" for one in candles(*prices, every=DAY)
    ]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]), encoding="utf-8")
    return path


def test_the_command(tmp_path: Path) -> None:
    """A table for people, JSON for programs, and a report that fetches nothing."""
    path, report = written(tmp_path, 100, 200, 50), tmp_path / "r.html"
    command = ["backtest", "recurring_buy", "--data", str(path), "-p", "amount_to_buy_in_reference_market=100"]
    command += ["-p", "minutes_before_next_buy=1440", "--fee", "1", "--balance", "USDT=1000"]
    shown = CliRunner().invoke(program(), [*command, "--report", str(report)])
    assert shown.exit_code == 0, shown.output
    assert re.search(r"profit +│ +-\d+\.\d\d % │ +-50\.50 %", shown.output)
    assert "3 candles of 1 d" in shown.output
    page = report.read_text()
    told = ("max drawdown", "buy-3", path.name, "catch_up", "price (USDT)", "worth (USDT)", "time (UTC)", "1000 USDT")
    assert [text for text in told if text not in page] == []
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", page) == []
    assert "default-src 'none'" in page, "the file forbids itself the network"
    said = json.loads(CliRunner().invoke(program(), [*command, "--json"]).stdout)
    assert (said["trades"], said["fees"], said["setting"]["data"]) == (3, "3", path.name)


def test_what_makes_figures_look_better_is_said(tmp_path: Path) -> None:
    """How orders are filled, and which candles are missing: to people, to programs and in the report."""
    path, report = written(tmp_path, *range(100, 110)), tmp_path / "r.html"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:4] + lines[6:]), encoding="utf-8")
    command = ["backtest", "recurring_buy", "--data", str(path), "-p", "amount_to_buy_in_reference_market=100"]
    command += ["-p", "minutes_before_next_buy=1440", "--allow-gaps"]
    shown = CliRunner().invoke(program(), [*command, "--report", str(report)]).output
    setting = json.loads(CliRunner().invoke(program(), [*command, "--json"]).stdout)["setting"]
    for said in (shown, report.read_text(), " ".join(f"{name}: {value}" for name, value in setting.items())):
        assert "no spread, no slippage" in said
        assert re.search(r"missing candles of BTC/USDT(</td><td>|: )2", said)


def test_a_guard_is_given_what_it_guards(tmp_path: Path) -> None:
    """Else it could not sell that."""
    path = written(tmp_path, 100, 100, 50, 50)
    held = ["-p", "amount=3", "-p", "entry_price=100", "-p", "stop_loss=0.1"]
    shown = CliRunner().invoke(program(), ["backtest", "guard", "--data", str(path), *held, "--json"])
    said = json.loads(shown.stdout)
    assert (said["sells"], said["setting"]["begins with"], said["worth_start"]) == (1, "10000 USDT, 3 BTC", "10300")


def test_the_command_plays_messages(tmp_path: Path) -> None:
    """It says how many, and how many were of another time; if all are, nothing is played."""
    path, sent = written(tmp_path, 100, 200, 50), tmp_path / "sent.jsonl"
    command = ["backtest", "signal", "--data", str(path), "--signals", str(sent), "-p", "amount=100"]
    inside, outside = message(START + 30 * timedelta(hours=1), "buy"), message(START - DAY, "buy")
    sent.write_text(f"{outside}\n{inside}\n", encoding="utf-8")
    shown = CliRunner().invoke(program(), command)
    assert shown.exit_code == 0, shown.output
    assert "1 message of sent.jsonl; left out, as not of the candles' time: 1" in shown.output
    said = json.loads(CliRunner().invoke(program(), [*command, "--json"]).stdout)
    assert (said["buys"], said["setting"]["signals"][:23]) == (1, "1 message of sent.jsonl")
    sent.write_text(outside, encoding="utf-8")
    refused = CliRunner().invoke(program(), command)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "is of the candles' time" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backtest", "grid", "--data", "FILE", "-p", "upper_price=1"], "grid: the parameter lower_price is missing"),
        (["backtest", "signal", "--data", "FILE", "-p", "amount=1"], "name a file of them: --signals FILE"),
        (["backtest", "recurring_buy", "--data", "FILE", "--signals", "FILE", *BUYS], "--signals is for the strategy"),
        (["backtest", "signal", "--data", "FILE", "--signals", "FILE", "-p", "amount=1"], "line 1: the message is not"),
        (["backtest", "signal", "--data", "FILE", "--signals", "/no/such", "-p", "amount=1"], "/no/such can't be read"),
        (["backtest", "robot", "--data", "FILE"], "there is no strategy 'robot'"),
        (["backtest", "grid", "--data", "FILE", "-p", "upper"], "'upper' is no parameter; write NAME=VALUE"),
        (["backtest", "grid", "--data", "FILE", "-p", "a=1", "-p", "a=2"], "the parameter a is given twice"),
        (["backtest", "grid", "--data", "/no/A-B.csv"], "can't be read"),
        (["backtest", "grid", "--data", "/no/file"], "does not say which symbol"),
        (["backtest", "recurring_buy", "--data", "FILE", "--fee", "NaN"], "--fee: 'NaN' is no amount"),
        (
            ["backtest", "guard", "--data", "FILE", "--balance", "USDT=-1", *HELD],
            "--balance: '-1' is no amount",
        ),
        (
            ["backtest", "recurring_buy", "--data", "FILE", "--balance", "USD=1000", *BUYS],
            "--balance: it trades BTC/USDT, and has no use for USD",
        ),
        (
            ["backtest", "recurring_buy", "--data", "FILE", "--balance", "usdt=1", "--balance", "USDT=2", *BUYS],
            "the parameter USDT is given twice",
        ),
        (
            ["backtest", "rebalance", "--data", "FILE", "-p", "indexed_coins=ETH:50"],
            "BTC/USDT is in --data or in the parameters, but not in both",
        ),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, words: list[str], said: str) -> None:
    """Exit code 2, nothing written."""
    path = str(written(tmp_path, 1, 2))
    result = CliRunner().invoke(program(), [path if word == "FILE" else word for word in words])
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
