"""Which parameters Binance's endpoints know, and how it objects to what it does not (rest-api.md, errors.md).

More of them than an endpoint has are refused with -1101, and some that it does not read among fewer with -1104. What is
known and not served here (icebergs, trailing stops, pegs) is refused, never passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from connectors.exchange.twin_world import ApiError

SIGNED = frozenset({"recvWindow", "timestamp", "signature"})
_STRATEGY = ("strategyId", "strategyType")
_PEGS = ("pegPriceType", "pegOffsetType", "pegOffsetValue")
_NEW = (
    *("symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId", "stopPrice"),
    *("trailingDelta", "icebergQty", "newOrderRespType", "selfTradePreventionMode", *_STRATEGY, *_PEGS),
)
_REPLACED = ("cancelReplaceMode", "cancelNewClientOrderId", "cancelOrigClientOrderId", "cancelOrderId")
_LEG = ("type", "clientOrderId", "icebergQty", "price", "stopPrice", "trailingDelta", "timeInForce", *_STRATEGY, *_PEGS)
_PAIR = ("symbol", "listClientOrderId", "side", "quantity", "newOrderRespType", "selfTradePreventionMode")
_NAMED = ("symbol", "orderId", "origClientOrderId")
_MANY = ("symbol", "symbols", "symbolStatus")


def _leg(side: str) -> Sequence[str]:
    return [f"{side}{name[0].upper()}{name[1:]}" for name in _LEG]


#: what anybody may ask
PUBLIC: Mapping[tuple[str, str], frozenset[str]] = {
    ("GET", path): frozenset(names)
    for path, names in {
        "ping": (),
        "time": (),
        "exchangeInfo": (*_MANY, "permissions", "showPermissionSets"),
        "depth": ("symbol", "limit", "symbolStatus"),
        "klines": ("symbol", "interval", "startTime", "endTime", "timeZone", "limit"),
        "ticker/24hr": (*_MANY, "type"),
        "ticker/price": _MANY,
        "ticker/bookTicker": _MANY,
    }.items()
}
#: what the owner of a key may ask
OWN: Mapping[tuple[str, str], frozenset[str]] = {
    key: frozenset(names) | SIGNED
    for key, names in {
        ("POST", "order"): _NEW,
        ("POST", "order/test"): (*_NEW, "computeCommissionRates"),
        ("POST", "order/cancelReplace"): (*_NEW, *_REPLACED, "cancelRestrictions", "orderRateLimitExceededMode"),
        ("PUT", "order/amend/keepPriority"): (*_NAMED, "newClientOrderId", "newQty"),
        ("POST", "orderList/oco"): (*_PAIR, *_leg("above"), *_leg("below")),
        ("GET", "order"): _NAMED,
        ("DELETE", "order"): (*_NAMED, "newClientOrderId", "cancelRestrictions"),
        ("GET", "openOrders"): ("symbol",),
        ("DELETE", "openOrders"): ("symbol",),
        ("GET", "allOrders"): ("symbol", "orderId", "startTime", "endTime", "limit"),
        ("GET", "myTrades"): ("symbol", "orderId", "startTime", "endTime", "fromId", "limit"),
        ("GET", "account"): ("omitZeroBalances",),
        ("GET", "rateLimit/order"): (),
        ("GET", "account/apiRestrictions"): (),
    }.items()
}
KNOWN = {**PUBLIC, **OWN}
#: words of a parameter's name that ask for what is not served, and what Binance says where a symbol has it not
UNSERVED = {
    "trailingdelta": (-2010, "Trailing stop orders are not supported for this symbol."),
    "icebergqty": (-2010, "Iceberg orders are not supported for this symbol."),
    "peg": (-1020, "This operation is not supported."),
}


def check(method: str, path: str, sent: Sequence[tuple[str, str]]) -> None:
    """Whether an endpoint can read what was sent.

    Raises:
        ApiError: it can't.
    """
    known = KNOWN.get((method, path.removeprefix("/api/v3/").removeprefix("/sapi/v1/")))
    if known is None:
        return
    if any(times > 1 for times in Counter(name for name, _ in sent).values()):
        raise ApiError(-1101, "Duplicate values for a parameter detected.")
    if len(sent) > len(known):
        raise ApiError(-1101, f"Too many parameters; expected '{len(known)}' and received '{len(sent)}'.")
    read = sum(name in known for name, _ in sent)
    if read < len(sent):
        raise ApiError(
            -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(sent)}'."
        )


def check_served(given: Mapping[str, str]) -> None:
    """Whether an order asks for something that is not served here.

    Raises:
        ApiError: it does.
    """
    for name in given:
        for word, (code, msg) in UNSERVED.items():
            if word in name.lower():
                raise ApiError(code, msg)
