"""What is no list of orders shows no order missing: one that is called "not placed" is decided anew, and placed twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import NotNow
from connectors.network import Rejected
from tests.connectors.exchange.cases import CASES, NAMES, wanted
from tests.connectors.exchange.server import Came

#: where orders and trades are looked for
PATHS: dict[str, tuple[tuple[str, str], ...]] = {
    "binance": (("GET", "/api/v3/order"), ("GET", "/api/v3/openOrders"), ("GET", "/api/v3/myTrades")),
    "kraken": tuple(("POST", f"/0/private/{name}") for name in ("OpenOrders", "ClosedOrders", "TradesHistory")),
    "coinbase": tuple(("GET", f"/api/v3/brokerage/orders/historical/{name}") for name in ("batch", "fills")),
    "bybit": tuple(("GET", f"/v5/{name}") for name in ("order/realtime", "order/history", "execution/list")),
    "okx": tuple(
        ("GET", f"/api/v5/trade/{name}")
        for name in ("order", "orders-pending", "orders-algo-pending", "fills-history", "fills")
    ),
    "alpaca": (
        ("GET", "/v2/orders:by_client_order_id"),
        ("GET", "/v2/orders"),
        ("GET", "/v2/account/activities/FILL"),
        ("GET", "/v2/account/activities"),
    ),
}
ODD: dict[str, Any] = {
    "nothing": {},
    "a notice": {"message": "We are down for maintenance"},
    "half of it": {"retCode": 0, "code": "0", "error": [], "success": True},
    "null": {"retCode": 0, "code": "0", "error": [], "result": None, "data": None, "orders": None, "fills": None},
    "another list": [],
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts take no time."""

    async def at_once(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("automator.clock.SystemClock.sleep", at_once)


@pytest.mark.parametrize(("page", "asked"), [(3, 4), (99, 9)])
async def test_an_order_is_found_behind_many_that_came_after_it(world: Any, page: int, asked: int) -> None:
    """Coinbase can't be asked for our id, and shows 250 orders at once: its other pages are read too, but not for ever."""
    case = CASES["coinbase"]
    (ours,) = case.answers[case.find]["orders"]

    def listed(came: Came) -> Any:
        number = int(came.asked.get("cursor", 1))
        others = [{**ours, "client_order_id": f"other{number}", "order_id": f"o{number}", "status": "FILLED"}]
        if came.asked.get("order_status") == "OPEN":
            return {"orders": [], "has_next": False, "cursor": ""}
        rows = [ours] if number == page else others
        return {"orders": rows, "has_next": True, "cursor": str(number + 1)}

    async with world("coinbase/main", case.answers | {case.find: listed}, case.secrets) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, wanted(case).plan())
        assert (found is not None) == (page == 3)
        assert len(there.server.of(*case.find)) == asked


@NAMES
@pytest.mark.parametrize("what", ODD)
async def test_what_is_no_list_shows_nothing_missing(world: Any, name: str, what: str) -> None:
    """Whoever answers so has not looked, whatever the status says."""
    case = CASES[name]
    answers = case.answers | {path: (200, ODD[what], {}) for path in PATHS[name]}
    async with world(f"{name}/main", answers, case.secrets) as there:
        await there.exchange.markets(there.wire)
        with pytest.raises((Rejected, NotNow)):
            print(await there.exchange.find(there.wire, wanted(case).plan()))
        if isinstance(ODD[what], list):
            return  # of these some exchanges' lists are made
        since = there.wire.now() - timedelta(hours=1)
        with pytest.raises((Rejected, NotNow)):
            print(await there.exchange.open_orders(there.wire, case.symbol))
        with pytest.raises((Rejected, NotNow)):
            print(await there.exchange.fills(there.wire, case.symbol, since))
