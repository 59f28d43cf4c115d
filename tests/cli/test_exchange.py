"""``automator accounts`` with an exchange, as a person uses it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.cli.conftest import Shell
from tests.connectors.exchange.others import OTHERS
from tests.connectors.exchange.samples import BINANCE, CANARY
from tests.connectors.exchange.server import Server
from tests.connectors.exchange.test_binance import now

KEYS = json.dumps({"api_key": "public-name", "secret": CANARY})
RIGHTS = ("GET", "/sapi/v1/account/apiRestrictions")


@pytest.fixture
def binance() -> Iterator[tuple[Server, str]]:
    """A stand-in that answers while the program runs."""
    server, loop = Server({**BINANCE, ("GET", "/api/v3/time"): now}), asyncio.new_event_loop()
    runner = web.AppRunner(server.app(), access_log=None)
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """An installation without accounts."""
    made = Shell(tmp_path)
    made.run("init", "--vault", "file")
    return made


def add(shell: Shell, url: str, *more: str, code: int = 0) -> str:
    return shell.run(
        "accounts", "add", "binance/main", "--base-url", url, "--secret-stdin", *more, given=KEYS, code=code
    )


def test_an_exchange_is_connected(bare: Shell, binance: Any) -> None:
    """What its key may do is asked, kept and shown; it may read and trade, and nothing is posted to it."""
    _, url = binance
    assert "binance/main is connected as may trade, not withdraw, from fixed addresses" in add(bare, url)
    (listed,) = json.loads(bare.run("accounts", "list", "--json"))
    assert listed["scopes"] == ["read", "trade"]
    assert "may trade, not withdraw" in bare.run("accounts", "list")
    assert "may trade, not withdraw" in bare.run("accounts", "test", "binance/main")
    assert "binance/main is an exchange" in bare.run("post", "Hello", "--to", "binance/main", code=2)
    assert "exchange" in bare.run("check", "binance", "--live", "binance/main", code=2)
    assert "weight-1m" in bare.run("limits")
    bare.run("limits", "set", "binance/main", "orders-10s", "20")
    assert "20" in bare.run("limits", "binance/main")
    bare.run("doctor", code=None)
    assert "BTC      12345678.12345678 free" in bare.run("accounts", "reconcile", "binance/main")
    assert bare.run("calls", "verify")
    assert CANARY not in bare.run("calls", "show", "1")


@pytest.mark.parametrize("right", ["enableWithdrawals", "permitsUniversalTransfer"])
def test_a_key_that_moves_money_is_refused(bare: Shell, binance: Any, right: str) -> None:
    """It is not connected, and the sentence says what to do."""
    server, url = binance
    server.answers[RIGHTS] = server.answers[RIGHTS] | {right: True}
    said = add(bare, url, code=1)
    assert "make one at Binance that may only read and trade" in said
    assert json.loads(bare.run("accounts", "list", "--json")) == []


def test_what_is_not_known_is_said(bare: Shell, binance: Any) -> None:
    """A key that works from anywhere is warned of; what the exchange does not say is shown as unverified."""
    server, url = binance
    server.answers[RIGHTS] = {"ipRestrict": False, "enableSpotAndMarginTrading": True}
    said = add(bare, url)
    assert "connected as unverified" in said
    assert "warning: unverified: Binance does not say" in said
    assert "works from any address" in said
    assert "unverified" in bare.run("accounts", "list")
    assert "warning: unverified" in bare.run("accounts", "test", "binance/main")
    new = ("accounts", "rotate", "binance/main", "--secret-stdin")
    said = bare.run(*new, given=KEYS)
    assert "warning: unverified" in said
    assert "works from any address" in said
    server.answers[RIGHTS] = server.answers[RIGHTS] | {"enableWithdrawals": True}
    assert "the old ones stay: this key may withdraw" in bare.run(*new, given=KEYS, code=1)


def test_a_key_that_does_not_work(bare: Shell, binance: Any) -> None:
    """Told in one sentence, without the key."""
    server, url = binance
    server.answers[RIGHTS] = (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, {})
    said = add(bare, url, code=1)
    assert "was not connected: Binance: the key is wrong" in said
    assert CANARY not in said


def test_an_exchange_in_maintenance(bare: Shell, binance: Any) -> None:
    """Who can't be asked is said, and why; nothing is stored, and nothing is concluded."""
    server, url = binance
    add(bare, url)
    for asked in list(server.answers):
        server.answers[asked] = (503, {"code": -1, "msg": "System maintenance."}, {})
    server.answers["GET", "/api/v3/ticker/24hr"] = (503, {"code": -1, "msg": "System maintenance."}, {})
    why = "binance/main can't be asked now: Binance: System maintenance. (status 503); nothing was done"
    assert why in bare.run("orders", "place", "binance/main", "BTC/USDT", "buy", "--amount", "0.01", code=1)
    assert why in bare.run("accounts", "reconcile", "binance/main", code=1)
    buy = ("-p", "symbol=BTC/USDT", "-p", "amount_to_buy_in_reference_market=50", "-p", "minutes_before_next_buy=60")
    bare.run("bots", "add", "saver", "recurring_buy", "binance/main", *buy, code=None)
    assert bare.run("orders", "list") == "no orders\n"


def test_an_exchange_that_is_not_known_well(bare: Shell, binance: Any) -> None:
    """That the cautious row is used is said when it is connected, and whenever it is tested."""
    server, url = binance
    server.answers |= OTHERS["bitso"].answers
    words = ("accounts", "add", "bitso/main", "--base-url", url, "--secret-stdin")
    said = bare.run(*words, given=KEYS)
    assert "bitso/main is connected as unverified" in said
    assert "Bitso has no row of its own here: only plain limit orders" in said
    assert "Bitso has no row of its own here" in bare.run("accounts", "test", "bitso/main")
    assert server.of("POST", "/api/v3/orders") == []


def test_an_exchange_at_which_no_order_could_be_found_again(bare: Shell, binance: Any) -> None:
    """No account of it is connected, and why is said; nothing is stored, and no order was sent."""
    server, url = binance
    server.answers["GET", "/api/accounts/balance"] = {"success": True, "jpy": "1000", "btc": "1"}
    words = ("accounts", "add", "coincheck/main", "--base-url", url, "--secret-stdin")
    said = bare.run(*words, given=KEYS, code=1)
    assert "coincheck/main was not connected: no order can be placed at Coincheck: by ccxt it takes no order id" in said
    assert json.loads(bare.run("accounts", "list", "--json")) == []
    assert {came.method for came in server.came} == {"GET"}


def test_names(bare: Shell) -> None:
    """What there is, and what an exchange has not."""
    assert "and exchanges such as binance or alpaca-stocks" in bare.run("accounts", "add", "nowhere/main", code=2)
    assert "has no sign-in" in bare.run("accounts", "add", "binance/main", "--sign-in", code=2)
    assert "has no option 'environment'" in bare.run(
        "accounts", "add", "kraken/main", "--option", "environment=test", code=2
    )
    assert "binance needs api_key, secret" in bare.run(
        "accounts", "add", "binance/main", "--secret-stdin", given="{}", code=2
    )
    said = bare.run("accounts", "add", "hyperliquid/main", "--secret-stdin", given="{}", code=1)
    assert "wallet" in said


def test_stocks_are_traded_as_a_person_does(shell: Shell) -> None:
    """Connected at the sandbox's stand-in for Alpaca, bought for dollars, an order that rests cancelled, all audited."""
    there = json.loads((shell.state / "exchanges.json").read_text(encoding="utf-8"))["alpaca-stocks/brand"]
    keys = json.dumps(there["secrets"])
    name, url = "alpaca-stocks/main", there["base_url"]
    said = shell.run("accounts", "add", name, "--base-url", url, "--secret-stdin", given=keys)
    assert "alpaca-stocks/main is connected as unverified" in said
    assert "Alpaca does not say whether this key may move money out" in said
    (listed,) = [one for one in json.loads(shell.run("accounts", "list", "--json")) if one["name"] == name]
    assert listed["scopes"] == ["read", "trade"]
    assert "has no option 'speed'; there are environment, feed, outside_hours" in shell.run(
        "accounts", "change", name, "--option", "speed=1", code=2
    )
    assert "choose live or test" in shell.run("accounts", "change", name, "--option", "environment=paper", code=2)
    bought = shell.run("orders", "place", name, "AAPL/USD", "buy", "--pay", "100")
    assert "filled" in bought
    resting = shell.run("orders", "place", name, "AAPL/USD", "buy", "--amount", "1", "--price", "50")
    assert "open" in resting
    shell.run("orders", "cancel", resting.split()[0])
    assert "cancelled" in shell.run("orders", "show", resting.split()[0])
    said = shell.run("accounts", "reconcile", name)
    assert "AAPL" in said
    assert "0 fills that were not in our records" in said
    wrong = shell.run("orders", "place", name, "AAPL", "buy", "--amount", "1", code=2)
    assert "does not trade AAPL; it trades AAPL/USD" in wrong
    assert there["secrets"]["secret"] not in shell.run("calls", "list", "--json")
    assert shell.run("calls", "verify")
    assert "is an exchange, which has no cases" in shell.run("check", "alpaca-stocks", code=2)
    assert "alpaca-stocks/main is an exchange" in shell.run("post", "Hello", "--to", name, code=2)
