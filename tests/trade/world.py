"""The small exchange itself: a market whose price stands still, orders that fill when the test says so, and faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

#: what may go wrong with an order that arrives, by name; ``drop`` closes the connection without an answer
FAULTS = (
    "lost-before",  # dropped, and nothing happened
    "filled-then-lost",
    "open-then-lost",
    "filled-late",  # dropped, and filled only when it is asked about for the second time
    "rejected",
    "partial",  # half of it filled at once, the answer says so
    "partial-then-lost",
    "503-done",
    "503-not-done",
    "html-done",  # 200 with a page instead of JSON
    "hidden",  # dropped, done, and not shown for a while
)
PRICE = Decimal(30_000)


class World:
    """What the exchange has, and what it was asked."""

    def __init__(self, now: Callable[[], datetime], hidden: timedelta = timedelta(seconds=1)) -> None:
        self.now, self.hidden_for = now, hidden
        self.orders: list[dict[str, Any]] = []
        self.fills: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.arrived: list[str] = []
        self.late: set[str] = set()
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.down = False
        self.price: Decimal | None = PRICE  #: of the ticker alone

    def place(self, said: dict[str, Any]) -> dict[str, Any]:
        """Take an order; a market order is filled at once."""
        amount = said.get("amount") or str(Decimal(said["quote_amount"]) / PRICE)
        number, at = str(len(self.orders) + 1), self.now().isoformat()
        order = {**said, "id": number, "amount": amount, "filled": "0", "cost": "0", "state": "open", "at": at}
        self.orders.append(order)
        if said["type"] == "market":
            self.fill(order, Decimal(amount))
        return order

    def place_pair(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        """Take two orders of which one ends the other."""
        placed = [self.place(leg) for leg in said["legs"]]
        for order, mate in zip(placed, reversed(placed), strict=True):
            order["mate"] = mate["id"]
        return placed

    def mate(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """The other order of a pair, if it still rests."""
        found = self.orders[int(order["mate"]) - 1] if "mate" in order else None
        return found if found and found["state"] == "open" else None

    def fill(self, order: dict[str, Any], amount: Decimal) -> None:
        """Fill so much of an order, for a fee of a thousandth in the quote asset."""
        if order["state"] not in {"open", "partially_filled"}:
            return
        if (mate := self.mate(order)) is not None:
            mate["state"] = "expired"
        price = Decimal(order.get("price") or PRICE)
        filled = Decimal(order["filled"]) + amount
        order["filled"], order["cost"] = str(filled), str(Decimal(order["cost"]) + amount * price)
        order["state"] = "filled" if filled >= Decimal(order["amount"]) else "partially_filled"
        self.fills.append(
            {
                "id": f"t{len(self.fills) + 1}",
                "order_id": order["id"],
                "symbol": order["symbol"],
                "side": order["side"],
                "price": str(price),
                "amount": str(amount),
                "fee": str(amount * price / 1000),
                "fee_asset": "USDT",
                "maker": order["type"] == "limit",
                "at": self.now().isoformat(),
            }
        )

    def shown(self, order: dict[str, Any]) -> bool:
        if order.get("fault") != "hidden":
            return True
        return self.now() - datetime.fromisoformat(order["at"]) > self.hidden_for


def drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def app(world: World) -> web.Application:  # noqa: PLR0915 - a route each
    """Its server."""

    async def place(request: web.Request) -> web.StreamResponse:
        said = await request.json()
        world.arrived.append(said["client_order_id"])
        fault = world.faults.pop(0) if world.faults else ""
        if fault == "rejected":
            return web.json_response({"error": "balance too low"}, status=400)
        if fault == "lost-before":
            return drop(request)
        if fault == "503-not-done":
            return web.json_response({"error": "busy"}, status=503)
        orders = world.place_pair(said) if "legs" in said else [world.place(said)]
        order = orders[0]
        for one in orders:
            one["fault"] = fault
        rest = Decimal(order["amount"]) - Decimal(order["filled"])
        if fault == "filled-then-lost":
            world.fill(order, rest)
        if fault.startswith("partial"):
            world.fill(order, rest / 2)
        if fault == "503-done":
            return web.json_response({"error": "unknown"}, status=503)
        if fault == "html-done":
            return web.Response(text="<html>moved</html>", content_type="text/html")
        if fault in {"filled-then-lost", "open-then-lost", "filled-late", "partial-then-lost", "hidden"}:
            return drop(request)
        return web.json_response({"orders": orders} if "legs" in said else order)

    async def one(request: web.Request) -> web.Response:
        if "id" in request.query:
            return web.json_response(next((item for item in world.orders if item["id"] == request.query["id"]), None))
        client = request.query["client"]
        found = next((item for item in world.orders if item["client_order_id"] == client), None)
        if found is None or not world.shown(found):
            return web.json_response(None)
        if found.get("fault") == "filled-late" and client in world.late:
            world.fill(found, Decimal(found["amount"]) - Decimal(found["filled"]))
        world.late.add(client)
        return web.json_response(found)

    async def cancel(request: web.Request) -> web.StreamResponse:
        fault = world.faults.pop(0) if world.faults else ""
        order = next((item for item in world.orders if item["id"] == request.query["id"]), None)
        if order is None or order["state"] not in {"open", "partially_filled"}:
            return web.json_response({"error": "unknown order"}, status=400)
        if fault == "filled-then-lost":
            world.fill(order, Decimal(order["amount"]) - Decimal(order["filled"]))
            return drop(request)
        if fault != "lost-before":
            for one in (order, world.mate(order)):
                if one is not None:
                    one["state"] = "cancelled"
        return drop(request) if fault else web.json_response(order)

    async def opened(_: web.Request) -> web.Response:
        live = [item for item in world.orders if item["state"] in {"open", "partially_filled"} and world.shown(item)]
        return web.json_response(live)

    async def fills(request: web.Request) -> web.Response:
        since = datetime.fromisoformat(request.query["since"])
        return web.json_response([item for item in world.fills if datetime.fromisoformat(item["at"]) >= since])

    async def balances(_: web.Request) -> web.Response:
        return web.json_response({"BTC": ["1.5", "0"], "USDT": ["1000", "250"]})

    async def ticker(_: web.Request) -> web.Response:
        if world.price is None:
            return web.json_response({"error": "not traded"}, status=400)
        return web.json_response({"price": str(world.price)})

    async def who(_: web.Request) -> web.Response:
        return web.json_response({"who": "tester"})

    @web.middleware
    async def watched(request: web.Request, handler: Any) -> web.StreamResponse:
        if not request.path.startswith("/control"):
            world.asked.append(f"{request.method} {request.path}")
            world.keys.append(request.headers.get("x-key", ""))
            if world.down:
                return web.Response(status=502, text="down")
        return await handler(request)  # type: ignore[no-any-return]

    async def seen(_: web.Request) -> web.Response:
        return web.json_response({"orders": world.orders, "fills": world.fills, "arrived": world.arrived})

    async def put(request: web.Request) -> web.Response:
        said = json.loads(await request.text())
        world.faults[:] = said.get("faults", world.faults)
        for number, amount in said.get("fill", {}).items():
            world.fill(world.orders[int(number) - 1], Decimal(amount))
        if said.get("forget"):
            world.orders.clear()
        return web.json_response({})

    made = web.Application(middlewares=[watched])
    made.router.add_post("/order", place)
    made.router.add_post("/pair", place)
    made.router.add_get("/order", one)
    made.router.add_delete("/order", cancel)
    made.router.add_get("/open", opened)
    made.router.add_get("/fills", fills)
    made.router.add_get("/balances", balances)
    made.router.add_get("/ticker", ticker)
    made.router.add_get("/who", who)
    made.router.add_get("/control/world", seen)
    made.router.add_post("/control", put)
    return made
