"""What bots do at a matching engine, live, on paper and in a backtest alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connectors.exchange.paper import Paper
from tests.bots.market import MINUTE
from tests.clocks import START


@contextmanager
def watched(patch: pytest.MonkeyPatch) -> Iterator[dict[int, list[tuple[Any, ...]]]]:
    """All that any matching engine has taken, by the minute, without the client order ids."""
    seen: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    place, pair, cancel = Paper.place, Paper.place_pair, Paper.cancel

    def note(what: str, request: Any, now: Any) -> None:
        asked = request.plan() | {"client_order_id": ""}
        seen[(now - START) // MINUTE].append((what, *(str(item) for item in sorted(asked.items()))))

    def placed(paper: Paper, request: Any, now: Any) -> Any:
        order = place(paper, request, now)
        note("place", request, now)
        return order

    def paired(paper: Paper, first: Any, second: Any, now: Any) -> Any:
        orders = pair(paper, first, second, now)
        for leg in (first, second):
            note("pair", leg, now)
        return orders

    def cancelled(paper: Paper, client: str, now: Any) -> Any:
        order = cancel(paper, client, now)
        seen[(now - START) // MINUTE].append(("cancel", str(order.price), str(order.stop_price), order.side.value))
        return order

    with patch.context() as patched:
        patched.setattr(Paper, "place", placed)
        patched.setattr(Paper, "place_pair", paired)
        patched.setattr(Paper, "cancel", cancelled)
        yield seen


def ordered(seen: dict[int, list[tuple[Any, ...]]]) -> dict[int, list[tuple[Any, ...]]]:
    """In a minute orders leave side by side."""
    return {minute: sorted(asked) for minute, asked in sorted(seen.items())}
