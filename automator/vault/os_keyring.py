"""The operating system's keyring: Secret Service, macOS Keychain, Windows Credential Locker."""

from __future__ import annotations

import json
import os
import secrets as random
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from automator.vault.lock import locked
from automator.vault.store import VaultError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

REFUSED = ("keyrings.alt.", "keyrings.cryptfile.", "keyring.backends.null.", "keyring.backends.fail.")
PLAIN = "keeps keys in the open or not at all"
_PROBING = threading.RLock()


def refusal(backend: KeyringBackend) -> str | None:
    """Why a backend may not hold keys; ``None`` if it may. A chain is as weak as its weakest member."""
    members = getattr(backend, "backends", None)
    if members is not None:
        weak = [reason for reason in map(refusal, members) if reason]
        if weak or not members:
            return weak[0] if weak else "no keyring is running"
        return None
    kind = f"{type(backend).__module__}.{type(backend).__name__}"
    if kind.startswith("keyring.backends.fail."):
        return "no keyring is running in this session"
    return f"{kind} {PLAIN}" if kind.startswith(REFUSED) or "plaintext" in kind.lower() else None


class OsKeyring:
    """Keys in the keyring of the operating system, under a name of this installation."""

    def __init__(self, service: str, lock: Path, backend: KeyringBackend | None = None) -> None:
        self._service = service
        self._lock = lock  # the keyring has none
        self._backend = backend

    def _open(self) -> KeyringBackend:
        if self._backend is None:
            import keyring  # noqa: PLC0415 - looks for backends, which takes its time

            self._backend = keyring.get_keyring()
        reason = refusal(self._backend)
        if reason is not None:
            raise VaultError(f"the operating system's keyring can't be used: {reason}")
        return self._backend

    @property
    def name(self) -> str:
        """For a person."""
        return "the operating system's keyring"

    def get(self, account: str, version: int) -> dict[str, str] | None:
        """Read a key; ``None`` if there is none."""
        try:
            found = self._open().get_password(self._service, f"{account}#{version}")
        except VaultError:
            raise
        except Exception as error:  # noqa: BLE001 - any backend, any error
            # what a backend's own error says may hold anything
            raise VaultError(f"the keyring could not be read ({type(error).__name__}); is it locked?") from None
        if found is None:
            return None
        try:
            held = json.loads(found)
        except ValueError:
            held = None
        if not isinstance(held, dict):
            why = "it was written over, so give it anew"
            raise VaultError(f"the keyring holds no key of {account} that can be read; {why}")
        return held

    def put(self, account: str, version: int, secrets: Mapping[str, str]) -> None:
        """Store a key and read it back: some backends drop what they cannot store without a word."""
        content = json.dumps(dict(secrets))
        try:
            self._open().set_password(self._service, f"{account}#{version}", content)
        except VaultError:
            raise
        except Exception as error:  # noqa: BLE001 - any backend, any error
            raise VaultError(f"the keyring could not be written ({type(error).__name__}); is it locked?") from None
        if self.get(account, version) != dict(secrets):
            raise VaultError(f"the keyring did not keep the key of {account}; use `automator init --vault file`")

    def delete(self, account: str, version: int) -> None:
        """Forget a key; nothing if there is none."""
        from keyring.errors import PasswordDeleteError  # noqa: PLC0415 - as above

        backend = self._open()
        try:
            backend.delete_password(self._service, f"{account}#{version}")
        except PasswordDeleteError:
            return
        except Exception as error:  # noqa: BLE001 - any backend, any error
            raise VaultError(f"the keyring could not be written ({type(error).__name__}); is it locked?") from None

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else of this installation stores what depends on what is kept."""
        return locked(self._lock)

    def ready(self) -> None:
        """Store, read and forget a value of no meaning."""
        own = os.getpid()  # each command begins with this, and several may at once
        with _PROBING:  # and so may renewals of one process
            self.put("automator-check", own, {"probe": random.token_hex(8)})
            self.delete("automator-check", own)

    def check(self) -> str:
        """Make sure that a key could be stored now, and say where."""
        self.ready()
        backend = self._open()
        return f"keys are in {self.name} ({type(backend).__module__.rsplit('.', 1)[-1]})"
