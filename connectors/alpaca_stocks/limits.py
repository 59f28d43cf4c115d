"""Alpaca's limits (docs.alpaca.markets): 200 calls a minute for an account, and the market's data apart from them."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.base import Operation, Reading
from connectors.exchange.rows.alpaca import BUDGETS, Alpaca, budget_of

__all__ = ["BUDGETS", "costs", "observe"]


def costs(operation: Operation) -> Mapping[str, int]:
    """Every call takes one."""
    return {budget_of(operation.name): 1}


def observe(operation: Operation, headers: Mapping[str, str]) -> tuple[Reading, ...]:
    """What ``X-RateLimit-*`` says; it is told with every answer."""
    return Alpaca().readings(None, operation.name, headers)
