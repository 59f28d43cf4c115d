"""Which providers there are, and of what kind each is."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from connectors import registry
from connectors.alpaca_stocks.connector import Connector


def test_kinds_are_told_apart() -> None:
    """A folder is a social network's or, where its package says so, an exchange's; ccxt knows all other exchanges."""
    assert set(registry.providers()) == {"bluesky", "facebook", "instagram", "x"}
    assert registry.venues() == ("alpaca-stocks",)
    assert [registry.trades(name) for name in ("x", "alpaca-stocks", "alpaca", "nowhere")] == [False, True, True, False]
    assert isinstance(registry.exchange("alpaca-stocks"), Connector)
    assert not isinstance(registry.exchange("alpaca"), Connector)
    with pytest.raises(registry.UnknownProvider, match="is an exchange, which has no posts"):
        registry.build("alpaca-stocks")


def test_others_add_exchanges_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a distribution of theirs, by an entry point; an account of it is one that trades."""
    point = EntryPoint("mine", "connectors.alpaca_stocks.connector:Connector", registry.VENUES)
    points = {registry.VENUES: {"mine": point}, registry.GROUP: {}}
    monkeypatch.setattr(registry, "_points", points.__getitem__)
    for told in (registry.venues, registry.providers):
        told.cache_clear()
    try:
        assert registry.venues() == ("alpaca-stocks", "mine")
        assert registry.trades("mine")
        assert registry.connector("mine", "http://127.0.0.1:1").origins == ("http://127.0.0.1:1",)
        assert registry.wrong_choice("mine", {"feed": "all"}) == "mine's feed can't be 'all'; choose iex or sip"
    finally:
        for told in (registry.venues, registry.providers):
            told.cache_clear()
