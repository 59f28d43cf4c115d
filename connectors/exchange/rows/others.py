"""What is known of single exchanges that have no row: how their orders bear an id of ours, from their documentation.

An exchange that is not here may bear one in a way that ccxt knows; where it does not, no account of it is connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.exchange.ways import IDS, KEYS

GATE: Mapping[str, Any] = {"begins": "t-", "longest": 28}
#: its own id of an order is another number, which nothing but the answer to the order has
HITBTC: Mapping[str, Any] = {"field": "client_order_id", "names": (("clientorderid",), *IDS)}

OTHERS: Mapping[str, Mapping[str, Any]] = {
    "bequant": HITBTC,
    "bitso": {"field": "origin_id", "currencies": True},
    # who gives an order within an account; required, and any number is as good as another
    "bitvavo": {"field": "clientOrderId", "dashed": True, "config": {"options": {"operatorId": 1}}},
    "cryptocom": {"field": "client_oid"},
    "fmfwio": HITBTC,
    "gate": GATE,
    "gateeu": GATE,
    "hitbtc": HITBTC,
    "latoken": {"currencies": True},
    # its private key is no wallet's: it signs calls, and moves nothing by itself
    "revolutx": {
        "dashed": True,
        "fields": (KEYS["apiKey"], KEYS["privateKey"]),
        "names": (("venueorderid",), *IDS),
    },
}
