"""A vault that is opened when its first key is asked for: what needs none works where it can't be opened, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

from automator.vault.store import Store


@dataclass(frozen=True)
class Later:
    """Another store, which ``opens`` makes when it is needed; ``VaultError`` comes then, and not before."""

    opens: Callable[[], Store]

    @cached_property
    def _store(self) -> Store:
        return self.opens()

    @property
    def name(self) -> str:
        """For a person."""
        return self._store.name

    def get(self, account: str, version: int) -> dict[str, str] | None:
        """Read a key; ``None`` if there is none."""
        return self._store.get(account, version)

    def put(self, account: str, version: int, secrets: Mapping[str, str]) -> None:
        """Store a key."""
        self._store.put(account, version, secrets)

    def delete(self, account: str, version: int) -> None:
        """Forget a key."""
        self._store.delete(account, version)

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else stores what depends on what is kept."""
        return self._store.alone()

    def ready(self) -> None:
        """Make sure that a key could be stored now."""
        self._store.ready()

    def check(self) -> str:
        """Say in one sentence what this is."""
        return self._store.check()
