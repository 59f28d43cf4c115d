"""The commands for trading, as a person types them, on a small exchange over real sockets."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.desk import Desk, desk

__all__ = ["desk"]


def test_an_order_is_placed_shown_and_cancelled(desk: Desk) -> None:
    """With its state, its fills, and the exchange's id of it; what was filled stays filled."""
    assert "open" in desk.place("buy", "--amount", "0.1", "--price", "30000")
    (order,) = desk.orders()
    desk.venue.put(fill={"1": "0.04"})
    assert "cancelled, 0.04 filled" in desk.run("orders", "cancel", order["id"][:8])
    assert "0.04 at 30000, fee 1.2 USDT" in desk.run("orders", "show", order["id"][:8])
    assert "nothing to cancel" in desk.run("orders", "cancel", order["id"], code=1)
    assert [item["state"] for item in desk.venue.world()["orders"]] == ["cancelled"]
    assert "none altered" in desk.run("calls", "verify")


@pytest.mark.parametrize(
    ("provider", "fees"), [("alpaca", "its fees for crypto"), ("alpaca-stocks", "what regulators")]
)
def test_fees_that_no_trade_tells_of_are_said_to_be_missing(desk: Desk, provider: str, fees: str) -> None:
    """Alpaca books them by itself, once a day; other exchanges' trades name theirs."""
    desk.place("buy", "--amount", "0.1")
    desk.place("sell", "--amount", "0.06")
    assert "in no figure above" not in desk.run("positions") + desk.run("profit")
    with closing(sqlite3.connect(desk.home / "automator.db")) as connection, connection:
        for table in ("ordered", "fill"):
            connection.execute(f"UPDATE {table} SET account = '{provider}/main'")
    for command in ("positions", "profit"):
        assert f"{provider}/main books {fees}" in desk.run(command)
        json.loads(desk.run(command, "--json"))


def test_positions_and_profit_are_shown_and_exported(desk: Desk, tmp_path: Path) -> None:
    """Bought and sold at the market: what is left, what was earned, and every fill, as CSV too."""
    assert "filled, 0.1 filled" in desk.place("buy", "--amount", "0.1")
    desk.place("sell", "--amount", "0.06")
    (held,) = json.loads(desk.run("positions", "--json"))
    assert (held["amount"], held["price"], held["price_is"]) == ("0.04", "30000", "the market's")
    assert (held["realised"], held["realised_fifo"], held["unrealised"]) == ("-3.6", "-3.6", "-1.2")
    said = desk.run("profit")
    assert "all in USDT: -3.6" in said
    file = tmp_path / "fills.csv"
    desk.run("fills", "--csv", str(file))
    with file.open(newline="") as read:
        rows = list(csv.DictReader(read))
    assert "2 rows in" in desk.run("fills", "--since", "2026-01-01", "--csv", str(file))
    assert "1 row in" in desk.run("positions", "--csv", str(file))
    assert "0 rows in" in desk.run("fills", "--since", "tomorrow 09:00", "--csv", str(tmp_path / "none.csv"))
    assert (tmp_path / "none.csv").read_text().startswith("at,account,owner,order,symbol,side,amount,price,fee")
    assert [(row["side"], row["amount"], row["owner"]) for row in rows] == [
        ("buy", "0.1", "user"),
        ("sell", "0.06", "user"),
    ]
    for name in ("positions", "profit", "fills"):
        assert "BTC/USDT" in desk.run(name, "--account", "tiny/main", "--bot", "user", "--symbol", "btc/usdt")
    assert desk.run("fills", "--bot", "nobody") == "no fills\n"
    with closing(sqlite3.connect(desk.home / "automator.db")) as connection, connection:
        connection.execute("UPDATE fill SET fee_asset = 'BNB', fee = '0.5'")
        connection.execute("UPDATE fill SET at = at - 86400000000 WHERE side = 'buy'")
    assert "fees paid in BNB, in no figure above: 1\n" in desk.run("profit")
    today = datetime.now(UTC).date().isoformat()
    assert "fees paid in BNB, in no figure above: 0.5\n" in desk.run("profit", "--since", today), "of those days alone"


def test_limits_are_set_and_kept_to(desk: Desk) -> None:
    """What goes beyond is not sent, the reason is said, and each change is on the record."""
    desk.run("risk", "set", "tiny/main", "order", "100", "usdt")
    desk.run("risk", "set", "*", "distance", "2%")
    said = desk.place("buy", "--amount", "0.1", "--price", "20000", code=1)
    assert "the order is worth 2000 USDT, and tiny/main may have 100" in said
    assert "20000 is 33.33% from the market's 30000, and everything allows 2%" in said
    assert desk.venue.world()["arrived"] == []
    assert [row["name"] for row in json.loads(desk.run("risk", "list", "--json"))] == ["distance", "order"]
    desk.run("risk", "remove", "tiny/main", "order", "USDT")
    desk.run("risk", "remove", "*", "distance")
    desk.place("buy", "--amount", "0.1", "--price", "20000")
    said = [event for event in desk.events() if event["what"] == "risk limit"]
    assert [(event["subject"], event["limit"], event["before"], event["value"], event["actor"]) for event in said] == [
        ("tiny/main", "order", None, "100", "user"),
        ("*", "distance", None, "0.02", "user"),
        ("tiny/main", "order", "100", None, "user"),
        ("*", "distance", "0.02", None, "user"),
    ]


def test_each_limit_keeps_an_order_back(desk: Desk) -> None:
    """Of an account, set by a command; without it the same order goes out."""
    limits = {
        ("order", "100", "USDT"): "the order is worth 2950 USDT, and tiny/main may have 100",
        ("day", "100", "USDT"): "the day's orders would be worth 2950 USDT, and tiny/main may have 100",
        ("position", "100", "USDT"): "BTC/USDT held would be worth 2950 USDT, and tiny/main may have 100",
        ("loss", "0", "USDT"): "the day has lost 0 USDT, what is held at its last known price included",
        ("open-orders", "0"): "0 orders are open, and tiny/main may have 0",
        ("per-minute", "0"): "0 orders are of the last minute, and tiny/main may place 0 in a minute",
        ("distance", "1%"): "29500 is 1.67% from the market's 30000, and tiny/main allows 1%",
        ("symbols", "ETH/USDT"): "BTC/USDT is not among the symbols of tiny/main: ETH/USDT",
    }
    for (name, value, *asset), says in limits.items():
        desk.run("risk", "set", "tiny/main", name, value, *asset)
        assert says in desk.place("buy", "--amount", "0.1", "--price", "29500", code=1)
        desk.run("risk", "remove", "tiny/main", name, *asset)
    assert desk.venue.world()["arrived"] == []
    assert len([event for event in desk.events() if event["what"] == "risk limit"]) == 2 * len(limits)
    desk.place("buy", "--amount", "0.1", "--price", "29500")


def test_how_much_of_each_limit_is_used_is_shown(desk: Desk) -> None:
    """As the next order will find it; nothing for those that judge an order by itself."""
    for subject in ("tiny/main", "*", "user"):
        for words in (
            ("order", "9000", "USDT"),
            ("day", "9000", "USDT"),
            ("loss", "9000", "USDT"),
            ("position", "9000", "USDT"),
            ("open-orders", "7"),
            ("per-minute", "99"),
            ("distance", "50%"),
            ("symbols", "BTC/USDT"),
        ):
            desk.run("risk", "set", subject, *words)
    desk.place("buy", "--amount", "0.1")
    desk.place("buy", "--amount", "0.01", "--price", "29000")
    rows = json.loads(desk.run("risk", "list", "--json"))
    used = {"day": "3290", "loss": "3", "position": "3290", "open-orders": "1", "per-minute": "2"}
    for subject in ("tiny/main", "*", "user"):
        assert {row["name"]: row["used"] for row in rows if row["subject"] == subject and row["used"]} == used
        assert sum(row["used"] is None for row in rows if row["subject"] == subject) == 3
    shown = [line.split(maxsplit=1) for line in desk.run("risk", "list").splitlines()]
    assert ["user", "day          3290 used of 9000 USDT"] in shown
    assert ["user", "distance     0.5"] in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("orders", "place", "tiny/main", "ETH/USDT", "buy", "--amount", "1"), "does not trade ETH/USDT"),
        (("orders", "place", "tiny/main", "btcusdt", "buy", "--amount", "1"), "BTCUSDT; it trades BTC/USDT"),
        (("orders", "place", "tiny/main", "DOGE", "buy", "--amount", "1"), "write it like BTC/USDT"),
        (("orders", "list", "--state", "lost"), "no order is ever 'lost'"),
        (("fills", "--since", "yesterday"), "'yesterday' is no time"),
        (("profit", "--since", "2026-12-01 09:00"), "by whole days (UTC); name one, such as --since 2026-12-01"),
        (("risk", "set", "nobody", "order", "100", "USDT"), "there is no account and no bot called 'nobody'"),
        (("orders", "place", "tiny/main", "BTC/USDT", "lend", "--amount", "1"), "'lend' is no side"),
        (("orders", "place", "tiny/main", "BTC/USDT", "buy"), "say how much"),
        (("orders", "place", "tiny/main", "BTC/USDT", "buy", "--amount", "much"), "'much' is no number"),
        (("orders", "place", "tiny/main", "BTC/USDT", "buy", "--amount", "1", "--for", "ever"), "'ever' is none of"),
        (("orders", "place", "tiny/other", "BTC/USDT", "buy", "--amount", "1"), "tiny/other is not connected"),
        (("orders", "show", "nothing"), "no order begins with 'nothing'"),
        (("orders", "resolve", "0"), "say either --there ORDER or --not-placed"),
        (("risk", "set", "tiny/main", "luck", "1"), "there is no limit 'luck'"),
        (("risk", "set", "tiny/main", "order", "1e400", "USDT"), "it is between 0 and"),
        (("risk", "remove", "tiny/main", "order", "USDT"), "has no limit order USDT"),
        (("halt", "nobody"), "no account and no bot called 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence(desk: Desk, words: tuple[str, ...], says: str) -> None:
    """With exit code 2, and nothing is sent."""
    assert says in desk.run(*words, code=2)
    assert desk.venue.world()["arrived"] == []


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        (("--amount", "0.00009"), "0.00009 BTC is below the lot size 0.0001"),
        (("--amount", "0.0001"), "below the least order of 5 USDT"),
        (("--pay", "4"), "4 USDT is below the least order of 5 USDT"),
    ],
)
def test_what_the_market_does_not_take_is_not_sent(desk: Desk, numbers: tuple[str, ...], says: str) -> None:
    """The reason is exact, and kept with what was asked for."""
    assert says in desk.place("buy", *numbers, code=1)
    assert desk.venue.world()["arrived"] == []
    listed = desk.run("orders", "list")
    assert says in listed
    assert f"buy {numbers[1]} " in listed


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        (("--amount", "-1"), "amount is -1; give a number above 0"),
        (("--amount", "0"), "amount is 0"),
        (("--amount", "NaN"), "amount is NaN"),
        (("--amount", "sNaN"), "amount is sNaN"),
        (("--amount", "inf"), "amount is Infinity"),
        (("--amount", "1e400"), "amount is 1E+400"),
        (("--amount", "1_0"), "'1_0' is no number"),
        (("--amount", "1", "--price", "-5"), "price is -5"),
        (("--amount", "1", "--stop", "1e30"), "stop_price is 1E+30"),
        (("--pay", "0"), "quote_amount is 0"),
        (("--pay", "9", "--price", "30000"), "names an amount, not a quote_amount"),
        (("--amount", "1", "--for", "ioc"), "can't be ioc"),
    ],
)
def test_an_order_that_makes_no_sense_is_not_stored(desk: Desk, numbers: tuple[str, ...], says: str) -> None:
    """It is a slip of the hand, and no order."""
    assert says in desk.place("buy", *numbers, code=2)
    assert desk.orders() == []


def test_a_halt_cancels_and_sells(desk: Desk) -> None:
    """What rests is cancelled, what was bought is sold, nothing else leaves until a person resumes."""
    desk.place("buy", "--amount", "0.1")
    desk.place("buy", "--amount", "0.1", "--price", "29000")
    said = desk.run("halt", "tiny/main", "--cancel-orders", "--sell", "--reason", "enough")
    assert "tiny/main is halted" in said
    assert "sell 0.1 BTC/USDT: filled" in said
    assert [item["state"] for item in desk.venue.world()["orders"]] == ["filled", "cancelled", "filled"]
    assert "is halted (enough)" in desk.place("buy", "--amount", "0.1", code=1)
    assert desk.run("positions") == "nothing is held\n"
    desk.run("resume", "tiny/main")
    desk.place("buy", "--amount", "0.1")


def test_what_an_order_buys_while_it_is_cancelled_is_sold_too(desk: Desk) -> None:
    """Nothing was held when the halt began, and nothing is held at its end."""
    desk.place("buy", "--amount", "0.1", "--price", "29000")
    desk.place("buy", "--amount", "0.1", "--price", "28000")
    desk.venue.put(faults=["filled-then-lost"])
    said = desk.run("halt", "--sell")
    assert "sell 0.1 BTC/USDT: filled" in said
    assert "wait" not in said
    assert [item["state"] for item in desk.venue.world()["orders"]] == ["filled", "cancelled", "filled"]
    assert desk.run("positions") == "nothing is held\n"


def test_a_bot_whose_coins_are_sold_is_stopped(desk: Desk) -> None:
    """Its strategy would go on as if it had them; a person lets it begin anew. One that is only halted goes on."""
    buy = ("-p", "symbol=BTC/USDT", "-p", "amount_to_buy_in_reference_market=50", "-p", "minutes_before_next_buy=60")
    for name, live in (("saver", ("--live", "--keep-orders", "--funds", "USDT=100")), ("paper", ())):
        desk.run("bots", "add", name, "recurring_buy", "tiny/main", *buy, *live)
        desk.run("bots", "start", name)
    held = ("-p", "symbol=BTC/USDT", "-p", "amount=0.1", "-p", "entry_price=30000", "-p", "stop_loss=0.1")
    desk.run("bots", "add", "guard", "guard", "tiny/main", *held, "--live", "--keep-orders", "--funds", "BTC=0.1")
    desk.run("bots", "start", "guard")
    desk.run("halt", "saver", "--cancel-orders")
    desk.run("resume", "saver")
    assert [bot["state"] for bot in json.loads(desk.run("bots", "list", "--json"))] == ["running"] * 3
    said = desk.run("halt", "tiny/main", "--sell")
    assert "saver has stopped: it was halted with --sell: its orders are cancelled, and what it bought is sold" in said
    assert "start it to begin anew with `automator bots start saver`, after a resume" in said
    assert (
        "guard has stopped: it was halted with --sell: its orders are cancelled, and what it guards is not sold" in said
    )
    assert "paper has stopped" not in said
    assert "but saver has stopped; `automator bots start saver`" in desk.run("resume", "tiny/main")
    bots = {bot["name"]: bot for bot in json.loads(desk.run("bots", "list", "--json"))}
    assert (bots["paper"]["state"], bots["saver"]["state"]) == ("running", "stopped")
    assert "what it bought is sold" in bots["saver"]["why"]
    assert "what it bought is sold" in desk.run("notices")
    desk.run("bots", "start", "saver")
    desk.run("bots", "start", "guard")
    desk.run("halt", "guard", "--sell")
    assert desk.run("notices").count("guard has stopped") == 2, "each stop is told"


def test_an_account_with_orders_or_bots_is_not_forgotten_by_the_way(desk: Desk) -> None:
    """What stands is said, and nothing is changed, until a person says what becomes of it."""
    desk.place("buy", "--amount", "0.1", "--price", "29000")
    buy = ("-p", "symbol=BTC/USDT", "-p", "amount_to_buy_in_reference_market=50", "-p", "minutes_before_next_buy=60")
    desk.run("bots", "add", "saver", "recurring_buy", "tiny/main", *buy)
    desk.run("bots", "start", "saver")
    said = desk.run("accounts", "remove", "tiny/main", code=2)
    assert "tiny/main has 1 order that may be filled and 1 running bot (saver); say what becomes of its orders" in said
    assert "not both" in desk.run("accounts", "remove", "tiny/main", "--keep-orders", "--cancel-orders", code=2)
    assert "tiny/main" in desk.run("accounts", "list")
    assert "tiny/main is forgotten" in desk.run("accounts", "remove", "tiny/main", "--cancel-orders")
    assert [item["state"] for item in desk.venue.world()["orders"]] == ["cancelled"]
    (bot,) = json.loads(desk.run("bots", "list", "--json"))
    assert (bot["state"], bot["why"]) == ("stopped", "its account was removed")
    desk.run("run-due")
    assert "forgotten" not in desk.run("notices")


def test_orders_that_are_kept_are_taken_up_again_with_their_account(desk: Desk) -> None:
    """They stay where they are; connected again, what became of them is known, and they can be cancelled."""
    desk.place("buy", "--amount", "0.1", "--price", "29000")
    (order,) = desk.orders()
    assert "left as it is" in desk.run("accounts", "remove", "tiny/main", "--keep-orders")
    assert [item["state"] for item in desk.venue.world()["orders"]] == ["open"]
    assert "tiny/main is not connected" in desk.run("orders", "cancel", order["id"], code=2)
    desk.venue.put(fill={"1": "0.04"})
    desk.add()
    desk.run("accounts", "reconcile", "tiny/main")
    assert "cancelled, 0.04 filled" in desk.run("orders", "cancel", order["id"])


def test_an_account_whose_orders_can_t_be_cancelled_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is needed for that; a cancel that is asked for says so too."""
    monkeypatch.setattr("automator.cli.accounts.WAIT", 1.0)
    monkeypatch.setattr("automator.cli.orders.WAIT", 1.0)
    desk.place("buy", "--amount", "0.1", "--price", "28000")
    (order,) = desk.orders()
    desk.venue.put(faults=["lost-before"] * 50)
    said = desk.run("orders", "cancel", order["id"], code=1)
    assert "is not cancelled yet (not before the provider answers again); `automator serve` goes on" in said
    said = desk.run("accounts", "remove", "tiny/main", "--cancel-orders", code=1)
    assert "tiny/main stays connected: it still has 1 order that may be filled; `automator serve` goes on" in said
    assert "tiny/main" in desk.run("accounts", "list")
