"""Rows: what we know of single exchanges, from their own documentation."""

from __future__ import annotations

from functools import cache

from connectors.exchange.rows.alpaca import Alpaca
from connectors.exchange.rows.binance import Binance
from connectors.exchange.rows.bybit import Bybit
from connectors.exchange.rows.coinbase import Coinbase
from connectors.exchange.rows.kraken import Kraken
from connectors.exchange.rows.okx import Okx
from connectors.exchange.ways import Ways


@cache
def rows() -> dict[str, type[Ways]]:
    """All rows, by ccxt's id of the exchange."""
    return {row.id: row for row in (Binance, Kraken, Coinbase, Bybit, Okx, Alpaca)}
