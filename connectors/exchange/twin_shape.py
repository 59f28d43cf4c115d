"""How the stand-in for Binance writes markets, orders, trades and balances."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

from connectors.exchange.filters import EXACT, text
from connectors.exchange.shelf import Resting
from connectors.exchange.twin_world import Member, Replay, World
from connectors.market import Candle
from connectors.order import Fill, OrderState, OrderType, TimeInForce

STATES = {
    OrderState.OPEN: "NEW",
    OrderState.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderState.FILLED: "FILLED",
    OrderState.CANCELLED: "CANCELED",
    OrderState.REJECTED: "REJECTED",
    OrderState.EXPIRED: "EXPIRED",
}
TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
}
ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", *list(TYPES.values())[2:]]
PREVENTION = "EXPIRE_MAKER"  #: of trades with oneself; there are none here
_EIGHT = Decimal("1e-8")


def fixed(value: Decimal | None) -> str:
    """Eight decimals, the rest cut off."""
    return f"{(value or Decimal(0)).quantize(_EIGHT, ROUND_DOWN, EXACT):f}"


def millis(at: datetime) -> int:
    """An instant as Binance writes it."""
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def market(replay: Replay, resting: tuple[int, int]) -> dict[str, Any]:
    """A market in exchangeInfo; ``resting``: how many orders may be open in it, and how many may wait for a price."""
    one = replay.market
    return {
        "symbol": one.id,
        "status": "TRADING" if one.active else "HALT",
        "baseAsset": one.base,
        "baseAssetPrecision": 8,
        "quoteAsset": one.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": one.pairs,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [*_filters(replay), *_counts(resting)],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": PREVENTION,
        "allowedSelfTradePreventionModes": [PREVENTION],
    }


def _filters(replay: Replay) -> list[dict[str, Any]]:
    has = replay.market.filters
    lot, tick = text(has.lot or _EIGHT), text(has.tick or _EIGHT)
    band = {f"{side}Multiplier{way}": text(share) for side in ("bid", "ask") for way, share in _band(replay)}
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
        {
            "filterType": "LOT_SIZE",
            "minQty": text(has.min_amount or has.lot or _EIGHT),
            "maxQty": text(has.max_amount or Decimal(9000)),
            "stepSize": lot,
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0",
            "maxQty": text(has.market_max or has.max_amount or Decimal(9000)),
            "stepSize": text(has.market_lot or Decimal(0)),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text(has.min_notional or Decimal(0)),
            "applyMinToMarket": True,
            "maxNotional": text(has.max_notional or Decimal(9_000_000)),
            "applyMaxToMarket": True,
            "avgPriceMins": 0,
        },
        {"filterType": "PERCENT_PRICE_BY_SIDE", **band, "avgPriceMins": 0},
    ]


def _counts(resting: tuple[int, int]) -> list[dict[str, Any]]:
    return [
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": resting[0]},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": resting[1]},
    ]


def _band(replay: Replay) -> tuple[tuple[str, Decimal], ...]:
    has = replay.market.filters
    return (("Up", has.highest or Decimal(1000)), ("Down", has.lowest or Decimal(0)))


def kind(order: Resting) -> str:
    """The type of an order."""
    resting = order.request.time_in_force == TimeInForce.POST_ONLY
    return "LIMIT_MAKER" if resting else TYPES[order.request.type]


def state(order: Resting) -> str:
    """Its status."""
    return STATES[order.state]


def brief(order: Resting, member: Member, replay: Replay) -> dict[str, Any]:
    """What all answers about an order have."""
    asked = order.request
    lasts = "GTC" if asked.time_in_force == TimeInForce.POST_ONLY else asked.time_in_force.upper()
    with_stop = {"stopPrice": fixed(asked.stop_price)} if asked.stop_price is not None else {}
    return {
        "symbol": replay.market.id,
        "orderId": order.number,
        "orderListId": member.lists.get(order.number, (-1, ""))[0],
        "clientOrderId": asked.client_order_id,
        "price": fixed(asked.price),
        "origQty": fixed(asked.amount if asked.amount is not None else order.filled),
        "executedQty": fixed(order.filled),
        "origQuoteOrderQty": fixed(asked.quote_amount),
        "cummulativeQuoteQty": fixed(order.cost),
        "status": state(order),
        "timeInForce": lasts,
        "type": kind(order),
        "side": asked.side.upper(),
        **with_stop,
        "selfTradePreventionMode": PREVENTION,
    }


def shown(order: Resting, member: Member, replay: Replay) -> dict[str, Any]:
    """An order that is asked for."""
    changed = order.changed or order.at
    return {
        **brief(order, member, replay),
        "stopPrice": fixed(order.request.stop_price),
        "icebergQty": fixed(None),
        "time": millis(order.at),
        "updateTime": millis(changed),
        "isWorking": not order.waits,
        "workingTime": -1 if order.waits else millis(order.at),
    }


def amended(order: Resting, before: str, member: Member, replay: Replay) -> dict[str, Any]:
    """An order that was made smaller; ``before``: its client order id until then."""
    said = brief(order, member, replay)
    kept = ("symbol", "orderId", "orderListId", "clientOrderId", "price", "executedQty", "status", "timeInForce")
    return {
        **{name: said[name] for name in (*kept, "type", "side", "selfTradePreventionMode")},
        "origClientOrderId": before,
        "qty": fixed(order.amount),
        "preventedQty": fixed(None),
        "quoteOrderQty": fixed(None),
        "cumulativeQuoteQty": fixed(order.cost),
        "workingTime": -1 if order.waits else millis(order.at),
    }


def full(order: Resting, member: Member, replay: Replay) -> dict[str, Any]:
    """An order that has just been placed, with its fills."""
    fills = [
        {
            "price": fixed(fill.price),
            "qty": fixed(fill.amount),
            "commission": fixed(fill.fee),
            "commissionAsset": fill.fee_asset,
            "tradeId": int(fill.id),
        }
        for fill in order.fills
    ]
    working = -1 if order.waits else millis(order.at)
    return {
        **brief(order, member, replay),
        "transactTime": millis(order.at),
        "workingTime": working,
        "fills": fills,
    }


def ack(order: Resting, member: Member, replay: Replay) -> dict[str, Any]:
    """An order that has just been placed, and no more."""
    wanted = ("symbol", "orderId", "orderListId", "clientOrderId")
    said = brief(order, member, replay)
    return {name: said[name] for name in wanted} | {"transactTime": millis(order.at)}


def trade(fill: Fill, order: Resting, member: Member, replay: Replay) -> dict[str, Any]:
    """One of an account's trades."""
    with localcontext(EXACT):
        cost = fill.price * fill.amount
    return {
        "symbol": replay.market.id,
        "id": int(fill.id),
        "orderId": int(fill.order_id),
        "orderListId": member.lists.get(order.number, (-1, ""))[0],
        "price": fixed(fill.price),
        "qty": fixed(fill.amount),
        "quoteQty": fixed(cost),
        "commission": fixed(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": millis(fill.at),
        "isBuyer": order.buys,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def order_list(world: World, member: Member, orders: list[Resting], replay: Replay) -> dict[str, Any]:
    """A pair, as answers about it begin."""
    number, name = member.lists[orders[0].number]
    live = any(order.live for order in orders)
    return {
        "orderListId": number,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if live else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if live else "ALL_DONE",
        "listClientOrderId": name,
        "transactionTime": millis(world.clock()),
        "symbol": replay.market.id,
        "orders": [
            {"symbol": replay.market.id, "orderId": order.number, "clientOrderId": order.request.client_order_id}
            for order in orders
        ],
    }


def kline(candle: Candle, every: timedelta) -> list[Any]:
    """A candle."""
    ends = millis(candle.at + every) - 1
    with localcontext(EXACT):
        turnover = fixed(candle.volume * candle.close)
    prices = [fixed(price) for price in (candle.open, candle.high, candle.low, candle.close)]
    return [millis(candle.at), *prices, fixed(candle.volume), ends, turnover, 1, fixed(None), fixed(None), "0"]
