"""The encrypted file: AES-256-GCM, a random data key for every version of every key."""

from __future__ import annotations

import base64
import json
import os
import secrets as random
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from automator.vault.kek import SIZE, Kek
from automator.vault.lock import locked
from automator.vault.store import VaultError

NONCE = 12  #: bytes; NIST SP 800-38D, section 8.2
FORMAT = 1


def _seal(key: bytes, content: bytes, context: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to load

    nonce = random.token_bytes(NONCE)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, content, context)).decode()


def _open(key: bytes, sealed: str, context: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to load

    raw = base64.b64decode(sealed, validate=True)
    return AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], context)


def _context(account: str, version: int) -> bytes:
    return json.dumps([account, version]).encode()


class SealedFile:
    """Keys in one file that is useless without its key. Replaced as a whole, never changed in place."""

    def __init__(self, path: Path, kek: Kek) -> None:
        self._path = path
        self._kek = kek
        self._derived: tuple[str, bytes] | None = None

    @property
    def name(self) -> str:
        """For a person."""
        return f"the encrypted file {self._path}"

    def get(self, account: str, version: int) -> dict[str, str] | None:
        """Read a key; ``None`` if there is none."""
        head = self._read()
        entry = head["keys"].get(f"{account}#{version}")
        if entry is None:
            return None
        context = _context(account, version)
        try:
            wrapped, sealed = str(entry["key"]), str(entry["secret"])
        except (KeyError, TypeError):
            raise self._damaged() from None
        data_key = self._guarded(self._key(head), wrapped, context)
        return dict(json.loads(self._guarded(data_key, sealed, context)))

    def put(self, account: str, version: int, secrets: Mapping[str, str]) -> None:
        """Store a key, and make sure that it can be read again."""
        context, data_key = _context(account, version), random.token_bytes(SIZE)
        with self._locked():
            head = self._read()
            head["keys"][f"{account}#{version}"] = {
                "key": _seal(self._key(head), data_key, context),
                "secret": _seal(data_key, json.dumps(dict(secrets)).encode(), context),
            }
            self._write(head)
        if self.get(account, version) != dict(secrets):
            raise VaultError(f"{self.name} did not keep the key of {account}")

    def delete(self, account: str, version: int) -> None:
        """Forget a key; nothing if there is none."""
        with self._locked():
            head = self._read()
            if head["keys"].pop(f"{account}#{version}", None) is not None:
                self._write(head)

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else stores what depends on what is kept; each ``put`` has a lock of its own."""
        return locked(self._path.with_name(f"{self._path.name}.alone.lock"))

    def ready(self) -> None:
        """Write the file anew beside itself, as storing a key would, and leave it as it is."""
        with self._locked():
            head = self._read()
            self._key(head)
            self._beside(head).unlink()

    def check(self) -> str:
        """Open the file."""
        self._key(self._read())
        return f"keys are in {self.name}, opened with {self._kek.source}"

    def _key(self, head: dict[str, Any]) -> bytes:
        salt = head["salt"]
        if self._derived is None or self._derived[0] != salt:
            key = self._kek.derive(base64.b64decode(salt))
            if head["probe"] is not None:
                self._guarded(key, head["probe"], b"probe")
            self._derived = (salt, key)
        if head["probe"] is None:
            head["probe"] = _seal(self._derived[1], b"automator", b"probe")
        return self._derived[1]

    def _guarded(self, key: bytes, sealed: str, context: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - slow to load

        try:
            return _open(key, sealed, context)
        except InvalidTag:
            raise VaultError(f"{self._kek.source} does not open {self._path}, or the file was altered") from None
        except ValueError:
            raise self._damaged() from None

    def _read(self) -> dict[str, Any]:
        try:
            mode = self._path.stat().st_mode
            content = self._path.read_bytes()
        except FileNotFoundError:
            return {
                "format": FORMAT,
                "salt": base64.b64encode(random.token_bytes(16)).decode(),
                "probe": None,
                "keys": {},
            }
        except OSError as error:
            raise VaultError(f"{self._path} can't be read ({error.strerror})") from None
        if mode & 0o077:
            raise VaultError(f"{self._path} can be read by others; run `chmod 600 {self._path}`")
        try:
            head = json.loads(content)
            if head["format"] != FORMAT or not isinstance(head["keys"], dict) or "probe" not in head:
                raise ValueError  # noqa: TRY301 - said below, once for all
            base64.b64decode(head["salt"], validate=True)
        except (ValueError, KeyError, TypeError):
            raise self._damaged() from None
        return dict(head)

    def _write(self, head: dict[str, Any]) -> None:
        fresh = self._beside(head)
        try:
            fresh.replace(self._path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise self._unwritten(error) from None
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _beside(self, head: dict[str, Any]) -> Path:
        """Write a whole file that is not in place yet."""
        fresh = self._path.with_name(f"{self._path.name}.{random.token_hex(4)}")
        try:
            file = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(file, "w") as out:
                json.dump(head, out)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise self._unwritten(error) from None
        return fresh

    def _damaged(self) -> VaultError:
        return VaultError(f"{self._path} is damaged; restore a backup of it")

    def _unwritten(self, error: OSError) -> VaultError:
        return VaultError(f"{self._path} can't be written ({error.strerror}); nothing was changed")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(locked(self._path.with_name(f"{self._path.name}.lock")))
            except OSError as error:
                raise self._unwritten(error) from None
            yield
