"""What an exchange without a row of its own is to a test."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.connectors.exchange.samples import CANARY

API = {"api_key": "public-name", "secret": CANARY}
PHRASE = API | {"passphrase": CANARY + "pass"}
ENCODED = PHRASE | {"secret": base64.b64encode(CANARY.encode()).decode()}
Call = tuple[str, str]


@dataclass(frozen=True)
class Other:
    """One exchange: what it answers, and where an order and its cancellation go.

    Attributes:
        order: Its id of the order that is placed, and shown in its lists.
    """

    secrets: Mapping[str, str]
    symbol: str
    answers: Mapping[Call, Any]
    place: Call
    cancel: Call
    order: str
