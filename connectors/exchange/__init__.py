"""Exchanges: every one that ccxt knows, through the one way out."""
