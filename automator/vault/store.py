"""What every place for keys can do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol


class VaultError(Exception):
    """Keys could not be read or stored; the sentence says why and what to do, and holds no key."""


class Store(Protocol):
    """A place for keys: one JSON object of strings for each account and version."""

    @property
    def name(self) -> str:
        """For a person: ``the keyring of this desktop (SecretService)``."""

    def get(self, account: str, version: int) -> dict[str, str] | None:
        """Read a key; ``None`` if there is none."""

    def put(self, account: str, version: int, secrets: Mapping[str, str]) -> None:
        """Store a key, and make sure that it can be read again."""

    def delete(self, account: str, version: int) -> None:
        """Forget a key; nothing if there is none."""

    def alone(self) -> AbstractContextManager[None]:
        """Held by whoever stores what depends on what is kept; it may not be asked for again meanwhile."""

    def ready(self) -> None:
        """Raise ``VaultError`` if a key could not be stored now, such as one that is given out once only."""

    def check(self) -> str:
        """Say in one sentence what this is; raise ``VaultError`` if it can't be used."""
