"""Which place holds the keys of an installation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from automator.home import DATABASE
from automator.vault import kek
from automator.vault.os_keyring import OsKeyring
from automator.vault.sealed_file import SealedFile
from automator.vault.store import Store, VaultError

FILE = "vault.json"
LOCK = "keyring.lock"
NAMED = "keyring.home"  #: holds the folder that the keyring's keys are named after, which may have been moved since


def own_file(home: Path) -> SealedFile:
    """An installation's encrypted file, opened with the key file beside it, which is made if there is none."""
    key = home / kek.OWN
    kek.new_key_file(key)
    return SealedFile(home / FILE, kek.from_file(key))


def closed(home: Path) -> bool:
    """Whether there is an encrypted file already, which another key than its own would not open."""
    return (home / FILE).exists()


def choose(home: Path, kind: str, environ: Mapping[str, str]) -> Store:
    """The keyring if it can be used, else the encrypted file if there is a key for it; or the one that is named.

    Raises:
        VaultError: none can be used; the sentence names both ways out.
    """
    found = kek.find(home, environ) if kind != "keyring" else None
    sealed = SealedFile(home / FILE, found) if found else None
    if kind == "file" or (kind == "auto" and sealed is not None):
        # auto: who made a key for the file wants the file, also when a desktop's keyring happens to be open
        if sealed is None and closed(home):
            raise VaultError(
                f"the key that opens {home / FILE} is not here; put {home / kek.OWN} back, or name it in "
                "AUTOMATOR_KEY_FILE or AUTOMATOR_PASSPHRASE_FILE; if it is lost, move that file away, run "
                "`automator init --vault file`, and give each account its keys with `automator accounts rotate`"
            )
        if sealed is None:
            raise VaultError(
                "there is no key for the encrypted file; make one with `automator init --vault file`, "
                "or name one in AUTOMATOR_KEY_FILE or AUTOMATOR_PASSPHRASE_FILE"
            )
        return sealed
    named = _named(home)
    service = f"automator:{hashlib.sha256(str(named).encode()).hexdigest()[:12]}"
    ring = OsKeyring(service, home / LOCK)
    try:
        ring.check()
    except VaultError as error:
        raise VaultError(f"{error}; on a machine without one, run `automator init --vault file`") from None
    with suppress(OSError):  # it is found by its own folder too
        if not (home / NAMED).exists():
            (home / NAMED).write_text(str(named), encoding="utf-8")
    return ring


def _named(home: Path) -> Path:
    """The folder that an installation's keys are named after: where it was first, if nothing is there any more.

    If something is, this may be a copy of that, and must not change or remove its keys.
    """
    own = home.resolve()
    try:
        first = Path((home / NAMED).read_text(encoding="utf-8"))
        return own if (first / DATABASE).exists() else first
    except (OSError, ValueError):
        return own
