"""The commands for bots, as a person types them, on a small exchange over real sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automator.db import connect
from connectors import registry
from tests.cli.conftest import Shell
from tests.stored import unpacked
from tests.trade.exchange import KEY, register
from tests.trade.server import exchange

BUY = ("recurring_buy", "tiny/main", "-p", "symbol=BTC/USDT", "-p", "amount_to_buy_in_reference_market=100")

GUARD = ("tiny/main", "-p", "symbol=BTC/USDT", "-p", "amount=0.1", "-p", "entry_price=30000", "-p", "stop_loss=0.05")


def record(shell: Shell) -> str:
    """All that the database holds, as text."""
    with closing(connect(shell.home / "automator.db", readonly=True)) as reader:
        return unpacked(reader)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setattr(registry, "_points", registry._points)
    register()
    made = Shell(tmp_path)
    made.run("init", "--vault", "file")
    with exchange() as venue:
        add = ("accounts", "add", "tiny/main", "--base-url", venue.url, "--scope", "read", "--scope", "trade")
        made.run(*add, "--secret-stdin", given=json.dumps({"key": KEY}))
        yield made
    registry.providers.cache_clear()


def test_a_bot_from_its_beginning_to_its_end(shell: Shell) -> None:
    """Added, listed, started, shown, stopped, removed."""
    assert "trades on paper" in shell.run("bots", "add", "dca", *BUY)
    (bot,) = json.loads(shell.run("bots", "list", "--json"))
    assert (bot["name"], bot["live"], bot["state"], bot["funds"]) == ("dca", False, "new", {"USDT": "10000"})
    shell.run("bots", "start", "dca")
    assert "runs already" in shell.run("bots", "start", "dca", code=2)
    shell.run("run-due")
    assert "amount_to_buy_in_reference_market = 100" in shell.run("bots", "show", "dca")
    assert "say what becomes of its open orders" in shell.run("bots", "stop", "dca", code=2)
    assert "stop it first" in shell.run("bots", "remove", "dca", code=2)
    shell.run("bots", "stop", "dca", "--keep-orders")
    shell.run("halt", "dca")
    assert "but dca is halted" in shell.run("bots", "start", "dca")
    shell.run("bots", "stop", "dca", "--keep-orders")
    shell.run("bots", "remove", "dca")
    assert "no bots" in shell.run("bots", "list")
    assert "there is no bot 'dca'" in shell.run("bots", "show", "dca", code=2)


@pytest.mark.parametrize(("every", "warned"), [("5m", False), ("1d", True)])
def test_one_that_looks_seldom_is_warned_of(shell: Shell, every: str, *, warned: bool) -> None:
    """What it guards stands without a stop until it looks."""
    said = shell.run("bots", "add", "guard", "guard", *GUARD, "--every", every)
    assert (f"once in {every}: what a fill calls for, a stop-loss too, may come so much later" in said) is warned


def test_its_funds_are_what_it_trades(shell: Shell) -> None:
    """However they are typed; a guard on paper is given what it guards."""
    shell.run("bots", "add", "dca", *BUY, "--funds", "usdt=50")
    shell.run("bots", "add", "guard", "guard", *GUARD)
    assert [bot["funds"] for bot in json.loads(shell.run("bots", "list", "--json"))] == [
        {"USDT": "50"},
        {"BTC": "0.1", "USDT": "10000"},
    ]


def test_a_live_bot_is_given_more(shell: Shell) -> None:
    """What it has no use for is refused."""
    shell.run("bots", "add", "dca", *BUY, "--live", "--cancel-orders", "--funds", "USDT=1000")
    assert "dca was given 1500.5 USDT in all" in shell.run("bots", "fund", "dca", "usdt=500.5")
    assert "has no use for DOGE" in shell.run("bots", "fund", "dca", "DOGE=5", code=2)
    assert json.loads(shell.run("bots", "list", "--json"))[0]["funds"] == {"USDT": "1500.5"}


def test_live_is_said_out_loud(shell: Shell) -> None:
    """Only with its own option, with what it may use and what becomes of its orders; and it is an event."""
    assert "say what becomes" in shell.run("bots", "add", "dca", *BUY, "--live", code=2)
    assert "--funds USDT=1000" in shell.run("bots", "add", "dca", *BUY, "--live", "--cancel-orders", code=2)
    said = shell.run("bots", "add", "dca", *BUY, "--live", "--cancel-orders", "--funds", "USDT=1000")
    assert "LIVE: dca trades with real money on tiny/main" in said
    assert "LIVE" in shell.run("bots", "list")
    assert "LIVE" in shell.run("bots", "start", "dca")
    assert re.search(r'"bot": ?"dca",[^}]*"live": ?true,[^}]*"what": ?"bot started"', record(shell))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "dca", *BUY[:4]], "the parameter amount_to_buy_in_reference_market is missing"),
        (["add", "dca", *BUY, "-p", "minutes_before_next_buy=0"], "minutes_before_next_buy"),
        (["add", "dca", "robot", "tiny/main"], "there is no strategy 'robot'"),
        (["add", "dca", "no.py", "tiny/main"], "there is no file"),
        (["add", "D/CA", *BUY], "can't be a bot's name"),
        (["add", "user", *BUY], "can't be a bot's name"),
        (["add", "dca", *BUY, "--every", "7m"], "no candle's length"),
        (["add", "dca", *BUY, "--funds", "USDT=NaN"], "is no amount"),
        (["add", "dca", *BUY, "--funds", "USDT=5", "--funds", "DOGE=5"], "and has no use for DOGE"),
        (["add", "dca", "guard", *GUARD, "--funds", "BTC=0.09"], "which it must be given: --funds BTC=0.1"),
        (
            ["add", "dca", *BUY[:2], "-p", "symbol=btc/usdt", *BUY[4:]],
            "symbol is written like BTC/USDT, not 'btc/usdt'",
        ),
        (["add", "dca", "grid", "x/brand", "-p", "symbol=A/B"], "is missing"),
        (["add", "dca", *BUY[:1], "x/brand", *BUY[2:]], "x/brand"),
        (["add", "dca", *BUY[:2], "-p", "symbol=XX/YY", *BUY[4:]], "tiny/main does not trade XX/YY"),
        (["start", "nobody"], "there is no bot 'nobody'"),
    ],
)
def test_nonsense_is_refused_before_anything_is_stored(shell: Shell, words: list[str], said: str) -> None:
    """One sentence, exit code 2."""
    assert said in shell.run("bots", *words, code=2)
    assert "no bots" in shell.run("bots", "list")


def test_a_signal(shell: Shell, tmp_path: Path) -> None:
    """With its secret it is kept once; the secret is nowhere but in the vault."""
    said = shell.run("bots", "add", "tv", "signal", "tiny/main", "-p", "symbol=BTC/USDT", "-p", "amount=100")
    (secret,) = re.findall(r"not shown again: (\S+)", said)
    message = {"secret": secret, "timestamp": datetime.now(UTC).isoformat(), "action": "enter_long"}
    file = tmp_path / "m.json"
    file.write_text(json.dumps(message))
    assert "does not run" in shell.run("signal", "tv", str(file), code=1)
    shell.run("bots", "start", "tv")
    assert "is kept" in shell.run("signal", "tv", str(file))
    assert "came before" in shell.run("signal", "tv", "-", given=json.dumps(message))
    assert "not this bot's" in shell.run("signal", "tv", "-", given=json.dumps(message | {"secret": "x"}), code=2)
    fresh = re.findall(r"not shown again: (\S+)", shell.run("bots", "secret", "tv"))[0]
    assert fresh != secret
    assert "not this bot's" in shell.run("signal", "tv", str(file), code=2)
    everything = record(shell)
    assert '"signal"' in everything
    assert secret not in everything
    assert fresh not in everything


def test_the_kinds_are_listed(shell: Shell) -> None:
    """Each parameter with its default and what it is; one kind alone, if it is named."""
    found = json.loads(shell.run("bots", "kinds", "--json"))
    assert set(found) == {"recurring_buy", "grid", "signal", "guard", "deal_dca", "rebalance"}
    assert [one["name"] for kind in found.values() for one in kind if not one["means"]] == []
    upper = next(one for one in found["grid"] if one["name"] == "upper_price")
    assert upper == {"name": "upper_price", "default": "required", "means": "The highest line, in the quote asset."}
    shown = shell.run("bots", "kinds", "guard")
    assert "take_profit_order_type" in shown
    assert "grids_quantity" not in shown
    assert "there is no strategy 'robot'" in shell.run("bots", "kinds", "robot", code=2)
