"""The key that opens the encrypted file: where it comes from on a machine without a keyring."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from automator.vault.store import VaultError

SIZE = 32
NAME = "automator-key"
OWN = "vault.key"  #: a key file in the installation's own folder
MOUNTED = Path("/run/secrets") / NAME

Derive = Callable[[bytes], bytes]  #: from the file's salt
_deriving = threading.Lock()  # OpenSSL's threads for Argon2id are one pool: two at once wait for each other for ever


@dataclass(frozen=True, slots=True)
class Kek:
    """A key-encryption key. ``derive`` makes it from the salt in the file's head; only a passphrase needs it."""

    source: str
    derive: Derive = field(repr=False)


def from_passphrase(passphrase: str, source: str, *, memory_kib: int = 65_536, passes: int = 3, lanes: int = 4) -> Kek:
    """Argon2id (RFC 9106); the defaults take about a fifth of a second."""

    def derive(salt: bytes) -> bytes:
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415 - slow to load

        made = Argon2id(salt=salt, length=SIZE, iterations=passes, lanes=lanes, memory_cost=memory_kib)
        with _deriving:
            return made.derive(passphrase.encode())

    return Kek(source, derive)


def from_file(path: Path, *, private: bool = True) -> Kek:
    """Read a key file of 32 bytes; with ``private`` it must be ours alone."""
    try:
        state, content = path.stat(), path.read_bytes()
    except OSError as error:
        raise VaultError(f"the key file {path} can't be read ({error.strerror})") from None
    if private and (state.st_mode & 0o077 or state.st_uid != os.getuid()):
        raise VaultError(f"the key file {path} can be read by others; run `chmod 600 {path}` as its owner")
    if len(content) != SIZE:
        raise VaultError(f"the key file {path} must hold {SIZE} bytes, not {len(content)}")
    return Kek(f"the key file {path}", lambda _: content)


def new_key_file(path: Path) -> None:
    """Make a random key file that only its owner can read, whole or not at all; one that exists is left alone."""
    if path.exists():
        return
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    file = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(secrets.token_bytes(SIZE))
            out.flush()
            os.fsync(out.fileno())
        try:
            path.hardlink_to(fresh)
        except OSError:  # another process was first, and its key may be in use already; or there are no links here
            if not path.exists():
                fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def find(home: Path, environ: Mapping[str, str], mounted: Path = MOUNTED) -> Kek | None:
    """The first there is of: a systemd credential, a mounted secret, a key file, a passphrase file, the home's own key.

    Raises:
        VaultError: one is named but can't be used, or two are named that differ.
    """
    named: list[Kek] = []
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / NAME).exists():
        named.append(from_file(Path(credentials) / NAME, private=False))
    if mounted.exists():
        named.append(from_file(mounted, private=False))
    if "AUTOMATOR_KEY_FILE" in environ:
        named.append(from_file(Path(environ["AUTOMATOR_KEY_FILE"])))
    if "AUTOMATOR_PASSPHRASE_FILE" in environ:
        named.append(_passphrase(Path(environ["AUTOMATOR_PASSPHRASE_FILE"])))
    if not named and (home / OWN).exists():
        named.append(from_file(home / OWN))
    probe = bytes(16)
    if len(named) > 1 and len({kek.derive(probe) for kek in named}) > 1:
        raise VaultError(f"{named[0].source} and {named[1].source} name different keys; leave one of them")
    return named[0] if named else None


def _passphrase(path: Path) -> Kek:
    try:
        passphrase = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise VaultError(f"the passphrase file {path} can't be read") from None
    if not passphrase:
        raise VaultError(f"the passphrase file {path} is empty")
    return from_passphrase(passphrase, f"the passphrase in {path}")
