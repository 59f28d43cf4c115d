"""A vault that can't be opened, for what needs no key: it works all the same, and the first key asked for says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from automator.vault.store import VaultError


@dataclass(frozen=True, slots=True)
class Shut:
    """No keys; whoever asks for one meets ``VaultError``. ``why``: one sentence."""

    why: str

    @property
    def name(self) -> str:
        """For a person."""
        return "a vault that can't be opened"

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise VaultError(self.why)

    get = put = delete = check = _refuse
