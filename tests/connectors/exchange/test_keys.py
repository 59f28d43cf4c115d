"""What a key may do, judged; and what calls weigh."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.exchange.keys import identity, said
from connectors.exchange.rows.binance import weight
from connectors.exchange.unsigned import Unsigned
from connectors.network import Rejected
from connectors.venue import Custom, Rights, moves_money

NOW = datetime(2026, 11, 25, tzinfo=UTC)
KNOWN = Custom(timedelta(seconds=1), unique=False, by_client_id=True)
GOOD = Rights(trade=True, withdraw=False, transfer=False, ip_restricted=True)


@pytest.mark.parametrize(
    ("rights", "words", "warned"),
    [
        (GOOD, "may trade, not withdraw, from fixed addresses", ""),
        (Rights(False, False, False, True), "may only read, not withdraw, from fixed addresses", "may not trade"),
        (Rights(True, False, False, False), "may trade, not withdraw, from any address", "works from any address"),
        (Rights(True, False, False), "may trade, not withdraw", ""),
        (Rights(True, None, False), "unverified", "unverified: Acme does not say"),
        (Rights(True, False, None), "unverified", "unverified: Acme does not say"),
        (Rights(), "unverified", "unverified: Acme does not say"),
        (Rights(True, False, False, True, NOW + timedelta(days=3)), said(GOOD), "stops working on 2026-11-28"),
        (Rights(True, False, False, True, NOW + timedelta(days=90)), said(GOOD), ""),
    ],
)
def test_what_is_said_of_a_key(rights: Rights, words: str, warned: str) -> None:
    """Each right that matters is in the list's few words, and what a person should do about it is a warning."""
    found = identity("Acme", "7", rights, KNOWN, timedelta(), NOW)
    assert (found.id, found.handle, found.expires) == ("7", words, rights.expires)
    assert (bool(found.warnings), warned in " ".join(found.warnings)) == (bool(warned), True)


@given(st.builds(Rights, *[st.none() | st.booleans()] * 4))
def test_no_key_that_moves_money_passes(rights: Rights) -> None:
    """Whatever else it may do."""
    if rights.withdraw or rights.transfer:
        with pytest.raises(Rejected):
            identity("Acme", "7", rights, KNOWN, timedelta(), NOW)
    else:
        assert identity("Acme", "7", rights, KNOWN, timedelta(), NOW).id == "7"


def test_a_clock_and_a_missing_row_are_told() -> None:
    """How far the clock is off, which way, and that little is known of an exchange."""
    cautious = Custom(timedelta(minutes=1), unique=False, by_client_id=False, tested=False)
    behind = identity("Acme", "", GOOD, cautious, timedelta(seconds=-2.5), NOW)
    assert behind.id == "account"
    assert any("clock is 2.5 s behind Acme's" in warning for warning in behind.warnings)
    assert any("no row of its own" in warning for warning in behind.warnings)


@pytest.mark.parametrize(
    ("method", "path", "params", "expected"),
    [
        ("GET", "exchangeInfo", {}, 20),
        ("GET", "depth", {"limit": 5}, 5),
        ("GET", "depth", {}, 5),
        ("GET", "depth", {"limit": 500}, 25),
        ("GET", "depth", {"limit": 5000}, 250),
        ("GET", "ticker/24hr", {"symbol": "BTCUSDT"}, 2),
        ("GET", "ticker/24hr", {}, 80),
        ("GET", "trades", {"symbol": "BTCUSDT"}, 25),
        ("GET", "klines", {"symbol": "BTCUSDT"}, 2),
        ("GET", "openOrders", {}, 80),
        ("GET", "openOrders", {"symbol": "BTCUSDT"}, 6),
        ("GET", "myTrades", {"symbol": "BTCUSDT"}, 20),
        ("GET", "myTrades", {"symbol": "BTCUSDT", "orderId": "1"}, 5),
        ("GET", "order", {"symbol": "BTCUSDT"}, 4),
        ("POST", "order", {"symbol": "BTCUSDT"}, 1),
        ("GET", "somethingNew", {}, 10),
    ],
)
def test_what_binance_s_calls_weigh(method: str, path: str, params: dict[str, object], expected: int) -> None:
    """As rest-api.md has it, also where ccxt counts less; what we don't know, by ccxt's count."""
    assert weight(Unsigned(("private",), path, method, params, 2.0)) == expected


@pytest.mark.parametrize(
    "path", ["capital/withdraw/apply", "WalletTransfer", "portfolios/move_funds", "accounts/1/transactions"]
)
def test_money_s_ways_out(path: str) -> None:
    """They are known by their names, whichever exchange it is."""
    assert moves_money(path)
