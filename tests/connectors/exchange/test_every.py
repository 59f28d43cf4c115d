"""Every exchange that ccxt knows: what moves money out is denied, and what trades is not."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import httpx
import pytest

from automator.egress.allow import Denied, judge
from automator.egress.call import Account, Call
from connectors.base import Effect, Intent, Operation, Scope
from connectors.exchange import reading
from connectors.exchange.placing import sample
from connectors.exchange.rows import rows
from connectors.network import Rejected
from connectors.registry import exchange
from connectors.venue import moves_money
from tests.connectors.exchange.test_bridge import ID, MARKET, Wire

VERBS = frozenset({"get", "post", "put", "delete", "patch"})
#: words that ways out have in common, and the others that exchanges' documentation has
OUT = re.compile(r"withdraw|transfer", re.IGNORECASE)
OTHERS = [
    ("aster", "v1/asset/sendToAddress"),
    ("binance", "giftcard/createCode"),
    ("bit2c", "Payment/Send"),
    ("bit2c", "Payment/Pay"),
    ("bitflyer", "sendcoin"),
    ("bitget", "v3/p2p/order-pay"),
    ("btse", "public-api/wallet/v1/user/assets/sendTo"),
    ("bybit", "v5/broker/award/distribute-award"),
    ("coinbase", "accounts/{account_id}/transactions"),
    ("coinbase", "brokerage/portfolios/move_funds"),
    ("coincheck", "send_money"),
    ("coinmate", "createVoucher"),
    ("coinone", "transaction/btc"),
    ("coinone", "transaction/coin"),
    ("coinsph", "openapi/fiat/v1/cash-out"),
    ("coinspot", "my/coin/send"),
    ("indodax", "createVoucher"),
    ("luno", "send"),
    ("whitebit", "main-account/codes"),
]
TRADING = re.compile(r"order|trade|(?:^|/)(?:buy|sell)(?:/|$)", re.IGNORECASE)


def paths(name: str) -> Iterator[tuple[str, str]]:
    """Every call of an exchange: verb and path."""

    def walk(api: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for key, inner in api.items():
            if key in VERBS:
                yield from ((key, path) for path in inner)
            elif isinstance(inner, dict):
                yield from walk(inner)

    yield from walk(getattr(ccxt, name)().describe()["api"])


def test_money_stays_wherever_it_is() -> None:
    """What withdraws or transfers is denied on all exchanges, and nothing that places or cancels an order is."""
    seen = 0
    for name in ccxt.exchanges:
        for verb, path in paths(name):
            if OUT.search(path):
                seen += 1
                assert moves_money(path), (name, path)
            elif verb != "get" and TRADING.search(path) and (name, path) not in OTHERS:
                assert not moves_money(path), (name, path)
    assert seen > 1000


def test_nothing_of_ccxt_is_in_the_way_of_the_bridge() -> None:
    """What it catches is ``Exception`` at most, so that a signal passes; no exchange sends by a way of its own."""
    for file in Path(str(ccxt.__file__)).parent.rglob("*.py"):
        assert not re.search(r"except\s*:|except\s+\(?.*BaseException", file.read_text(encoding="utf-8")), file
    for name in ccxt.exchanges:
        exchange_ = getattr(ccxt, name)
        ours = {"fetch", "fetch2", "throttle", "open"} & exchange_.__dict__.keys()
        assert not ours, (name, ours)


@pytest.mark.parametrize(("name", "path"), OTHERS)
def test_other_ways_out(name: str, path: str) -> None:
    """Gifts, vouchers, codes and payments move money too; ccxt knows each of these calls."""
    assert path in {known for _, known in paths(name)}
    assert moves_money(path)


@pytest.mark.parametrize("name", ["bitstamp", "indodax", "luno", "kucoin", "binance"])
def test_no_policy_lets_it_leave(name: str) -> None:
    """The way out refuses it, with every right that an account can have, also at an exchange without a row."""
    connector = exchange(name, "http://127.0.0.1:9")
    account = Account(f"{name}/main", connector, frozenset(Scope), dict)
    call = Call(connector.canceling({}), account)
    ways = [path for verb, path in paths(name) if verb != "get" and moves_money(path)]
    assert ways
    for path in ways:
        found = judge(call, httpx.URL(f"http://127.0.0.1:9/{path.replace('{', '').replace('}', '')}"))
        assert isinstance(found, Denied)
        assert "moves money out" in found.why
    assert judge(call, httpx.URL("http://127.0.0.1:9/orders")) is None


UNNAMED = r"takes no order id of ours that its orders come back with"
TRADES, OPEN = r"can't be asked for an account's trades", r"can't be asked for the open orders"
WALLET = r"takes orders that a wallet's private key signs"
#: those at which no order can be placed so that it is found again, whatever becomes of the answer, and why
UNUSABLE = {
    "apex": r'the "seeds" key is required',
    "aster": WALLET,
    "backpack": UNNAMED,
    "binanceusdm": r"does not have market symbol",
    "bit2c": UNNAMED,
    "bitbank": UNNAMED,
    "bitbns": r"answered can't be read",
    "bitfinex": UNNAMED,
    "bitflyer": UNNAMED,
    "bithumb": TRADES,
    "bitopro": UNNAMED,
    "bitteam": UNNAMED,
    "bittrade": r"answered can't be read",
    "btcbox": TRADES,
    "bullish": r"requires a tradingAccountId",
    "bydfi": r"can't be asked to cancel an order",
    "cex": TRADES,
    "coinbaseinternational": r"POST auth is no call that",
    "coincheck": UNNAMED,
    "coinone": UNNAMED,
    "coinspot": OPEN,
    "cryptomus": r"can't be asked for a price",
    "deepcoin": r"can't be asked for a price",
    "delta": r"answered can't be read",
    "deribit": r"GET buy is no call that",
    "derive": WALLET,
    "digifinex": UNNAMED,
    "dydx": WALLET,
    "extended": WALLET,
    "grvt": WALLET,
    "hibachi": WALLET,
    "hollaex": UNNAMED,
    "hyperliquid": WALLET,
    "independentreserve": UNNAMED,
    "indodax": TRADES,
    "lighter": WALLET,
    "luno": UNNAMED,
    "mercado": UNNAMED,
    "mudrex": UNNAMED,
    "nado": WALLET,
    "ndax": r"requires exchange.login",
    "p2b": UNNAMED,
    "pacifica": WALLET,
    "paradex": WALLET,
    "paymium": OPEN,
    "phemex": r"would be sent another number than",
    "polymarket": WALLET,
    "upbit": TRADES,
    "zaif": TRADES,
}


class Reads(Wire):
    """Answers whatever is read, and takes no order."""

    async def request(self, operation: Operation, *given: Any, **more: Any) -> httpx.Response:
        assert operation.effect is Effect.READ, "nothing leaves"
        self.answers = [{"code": "0", "data": [], "result": {}}]
        return await super().request(operation, *given, **more)


def given_markets(connector: Any, wire: Wire) -> None:
    """One market, in the form that ccxt would give it for this exchange."""
    bridge = connector.at.bridge
    steps = {4: MARKET["precision"], 3: {"amount": 4, "price": 6}, 2: {"amount": 4, "price": 1}}
    info = {"ticker": "btc_usdt", "orderTypes": ["LIMIT", "MARKET"]}
    bridge.set_markets([{**MARKET, "precision": steps[bridge.precisionMode], "info": info}])
    loaded = reading.markets(connector.ways, bridge, bridge.markets)
    connector.at.markets, connector.at.loaded = {market.symbol: market for market in loaded}, wire.now()


@pytest.mark.parametrize(
    "name", ["bingx", "bitget", "btse", "cryptocom", "gate", "hashkey", "kucoin", "mexc", "toobit", "zebpay"]
)
async def test_an_order_names_no_broker(name: str) -> None:
    """Nobody is told that a library referred the order, which is what ccxt would say of itself."""
    connector: Any = exchange(name, "http://127.0.0.1:9", None, f"{name}/sweep")
    wire = Wire(*[{"code": "200000", "data": {}}] * 3)
    given_markets(connector, wire)
    await connector.place(wire, Intent(ID, sample(connector.at.markets["BTC/USDT"], ID).plan(), 1))
    call = next(said for operation, said, _ in wire.asked if operation.effect is not Effect.READ)
    keys = {field.name: base64.b64encode(b"k" * 32).decode() for field in connector.fields}
    made = connector.sign(httpx.Request(call["method"], "http://127.0.0.1:9/", json=call), keys)
    assert not re.search(
        r"ccxt|broker|referrer|source|partner|channel|platform", f"{call} {made.headers}", re.IGNORECASE
    )


@pytest.mark.parametrize("name", [name for name in ccxt.exchanges if name not in rows()])
async def test_an_exchange_can_be_used_or_says_why_not(name: str) -> None:
    """Without a row: an order is written as it would be sent, by our id and our numbers, or no account is connected."""
    connector: Any = exchange(name, "http://127.0.0.1:9", None, f"{name}/sweep")
    wire = Reads()

    async def asked() -> None:
        assert connector.fields
        given_markets(connector, wire)
        await connector.tried(wire)

    if name not in UNUSABLE:
        await asked()
        return
    with pytest.raises(Rejected, match=UNUSABLE[name]) as refused:
        await asked()
    assert connector.at.title in refused.value.reason
