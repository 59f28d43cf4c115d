"""What an account on paper holds: free, and locked for open orders."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from connectors.order import Balance

ZERO = Decimal(0)


class Wallet:
    """Balances by asset. Whoever calls computes exactly (``filters.EXACT``) and asks first whether there is enough."""

    def __init__(self, balances: Mapping[str, Balance]) -> None:
        """Hold these."""
        self.free = {asset: held.free for asset, held in balances.items()}
        self.locked = {asset: held.locked for asset, held in balances.items()}

    def has(self, asset: str, amount: Decimal) -> bool:
        """Whether so much is free."""
        return self.free.get(asset, ZERO) >= amount

    def lock(self, asset: str, amount: Decimal) -> None:
        """Hold so much of what is free; a negative amount gives it back."""
        self.free[asset] = self.free.get(asset, ZERO) - amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount

    def pay(self, asset: str, amount: Decimal) -> None:
        """Give away so much of what is locked."""
        self.locked[asset] -= amount

    def take(self, asset: str, amount: Decimal) -> None:
        """Receive so much, free."""
        self.free[asset] = self.free.get(asset, ZERO) + amount

    def balances(self) -> dict[str, Balance]:
        """As an exchange shows them; none that are zero."""
        return {
            asset: Balance(asset, free, self.locked.get(asset, ZERO))
            for asset, free in self.free.items()
            if free or self.locked.get(asset)
        }
