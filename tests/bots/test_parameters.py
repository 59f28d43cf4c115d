"""Parameters that make no sense are refused in one sentence, before anything is stored."""

from __future__ import annotations

import pytest

from jobs.bots.parameters import BadParameters, Model, read
from jobs.bots.strategies.grid import Grid
from jobs.bots.strategies.recurring_buy import RecurringBuy

GRID = {
    "symbol": "BTC/USDT",
    "upper_price": "50000",
    "lower_price": "40000",
    "grids_quantity": "10",
    "quantity_per_grid": "0.01",
}
BUY = {"symbol": "BTC/USDT", "amount_to_buy_in_reference_market": "100"}


@pytest.mark.parametrize(
    ("model", "given", "changed", "words"),
    [
        (Grid, GRID, {"upper_price": "30000"}, "upper_price must be above lower_price"),
        (Grid, GRID, {"upper_price": "40000"}, "upper_price must be above lower_price"),
        (Grid, GRID, {"grids_quantity": "0"}, "grids_quantity should be greater than or equal to 1, not '0'"),
        (Grid, GRID, {"grids_quantity": "100000"}, "grids_quantity should be less than"),
        (Grid, GRID, {"grids_quantity": "2.5"}, "grids_quantity should be a valid integer"),
        (Grid, GRID, {"quantity_per_grid": "-1"}, "quantity_per_grid should be greater than"),
        (Grid, GRID, {"upper_price": "1e400"}, "upper_price .*not '1e400'"),
        (Grid, GRID, {"upper_price": "NaN"}, "upper_price should be a finite number, not 'NaN'"),
        (Grid, GRID, {"upper_price": "Infinity"}, "upper_price should be a finite number"),
        (Grid, GRID, {"lower_price": "1e-400"}, "lower_price"),
        (Grid, GRID, {"lower_price": "0." + "1" * 5000}, "lower_price"),
        (Grid, GRID, {"upper_price": "much"}, "upper_price should be a valid decimal, not 'much'"),
        (Grid, GRID, {"grid_type": "round"}, "grid_type should be 'arithmetic' or 'geometric', not 'round'"),
        (Grid, GRID, {"upper_stop_loss_enabled": "yes"}, "upper_stop_loss_price must be above upper_price"),
        (Grid, GRID, {"lower_stop_loss_enabled": "1", "lower_stop_loss_price": "45000"}, "must be below lower_price"),
        (Grid, GRID, {"levels": "3"}, "there is no parameter 'levels'; there are symbol, upper_price"),
        (Grid, GRID, {"symbol": "BTCUSDT"}, "symbol"),
        (RecurringBuy, BUY, {"amount_to_buy_in_reference_market": "0"}, "should be greater than"),
        (RecurringBuy, BUY, {"minutes_before_next_buy": "0"}, "minutes_before_next_buy"),
        (RecurringBuy, BUY, {"max_asset_holding_percent": "101"}, "max_asset_holding_percent"),
        (RecurringBuy, BUY, {"max_asset_holding_percent": "NaN"}, "max_asset_holding_percent"),
        (RecurringBuy, BUY, {"entry_limit_orders_price_percent": "100"}, "entry_limit_orders_price_percent"),
        (RecurringBuy, BUY, {"catch_up": "all"}, "catch_up should be 'skip' or 'once'"),
        (RecurringBuy, BUY, {"first_buy_at": "2026-12-01T09:00"}, "first_buy_at"),
    ],
)
def test_nonsense_is_refused(model: type[Model], given: dict[str, str], changed: dict[str, str], words: str) -> None:
    """The sentence names the parameter and what is wrong with it, and is one short line."""
    read("bot", model, given)
    with pytest.raises(BadParameters, match=words) as refused:
        read("bot", model, given | changed)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_what_is_missing_is_named() -> None:
    """Somebody who leaves a parameter out is told which."""
    with pytest.raises(BadParameters, match="recurring_buy: the parameter symbol is missing"):
        read("recurring_buy", RecurringBuy, {})
