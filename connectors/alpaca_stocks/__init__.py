"""Alpaca, stocks of the United States. ccxt knows only its crypto, which is ``alpaca``."""

EXCHANGE = True
