"""Checkpoints: the ledger's head, signed (Ed25519, RFC 8032), in a file beside the database."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automator.ledger import chain
from automator.vault.made import made
from automator.vault.store import Store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

log = logging.getLogger(__name__)

FILE, PUBLIC = "checkpoints.jsonl", "checkpoints.pub"
END = 4_096  #: bytes; a line has about 300
ACCOUNT = "automator-checkpoints"  #: the signing key's name in the vault


class BadCheckpoint(Exception):
    """The file of checkpoints was altered; the sentence says where."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the ledger at one time."""

    count: int
    head: str  #: the link of entry ``count``, hex
    at: str  #: ISO 8601, UTC

    def signed_content(self) -> bytes:
        """What the signature covers."""
        return chain.canonical({"count": self.count, "head": self.head, "at": self.at}).encode()


def write(home: Path, store: Store, reader: sqlite3.Connection, now: datetime) -> Checkpoint | None:
    """Sign the head and append it to the file; ``None`` if the last checkpoint names it already.

    A ledger that is behind its own checkpoints is not signed: it was cut or restored, and `calls verify` says so.
    """
    count, head = chain.head(reader)

    def named() -> bool:
        known = _last(home / FILE)
        return known is not None and known[0].count >= count

    if not count or named():
        return None
    key = signing_key(home, store)
    made = Checkpoint(count, head.hex(), now.isoformat())
    line = {"count": count, "head": made.head, "at": made.at, "signature": key.sign(made.signed_content()).hex()}
    # another process may have come further meanwhile; the last line is the one that reaches furthest
    return made if _append(home / FILE, json.dumps(line), 0o600, unless=named) else None


def _append(path: Path, line: str, mode: int, unless: Callable[[], bool] = lambda: False) -> bool:
    """Add a line; one that a full disk or a power cut left without its end goes."""
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, mode)
    with os.fdopen(file, "r+b", buffering=0) as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        if unless():
            return False
        out.truncate(out.read().rfind(b"\n") + 1)
        out.write(line.encode() + b"\n")
        os.fsync(out.fileno())
    return True


def newest(home: Path) -> Mapping[str, Any] | None:
    """The last line of the file, as it stands there; ``None`` if there is none."""
    known = _last(home / FILE)
    return asdict(known[0]) | {"signature": known[1]} if known else None


def reached(home: Path) -> int:
    """The entry that the last checkpoint names, whose signature is checked; 0: there is none.

    Raises:
        BadCheckpoint: it was altered, or the public key is missing.
    """
    known = _last(home / FILE)
    return _vouched(home, known).count if known is not None else 0


def _vouched(home: Path, known: tuple[Checkpoint, str]) -> Checkpoint:
    if not any(_holds(key, known[1], known[0]) for key in reversed(_public_keys(home))):
        raise BadCheckpoint(f"{FILE}, its last line was altered: its signature does not hold")
    return known[0]


def named(home: Path) -> Mapping[int, bytes]:
    """The links that checkpoints name, by entry; only the last one's signature is checked.

    Where every entry is recomputed up to that, it vouches for the links before. In a year there are 52,000 lines, and
    ``read`` takes as many times 0.3 ms.

    Raises:
        BadCheckpoint: the last line was altered, one is no checkpoint, or the public key is missing.
    """
    known = _lines(home / FILE)
    if known:
        _vouched(home, known[-1])
    return _links(known)


def signing_key(home: Path, store: Store) -> Ed25519PrivateKey:
    """The installation's own key, made when it is first needed.

    Its public half lies beside the database, under those of keys that were lost: what they signed still holds.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - slow to load

    def make() -> str:
        if (home / PUBLIC).exists():
            log.warning("the vault no longer has the key that signed checkpoints; a new one signs from now on")
        return Ed25519PrivateKey.generate().private_bytes_raw().hex()

    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(made(store, ACCOUNT, "key", make)["key"]))
    public = key.public_key().public_bytes_raw().hex()
    if public.encode() not in _whole(home / PUBLIC):
        _append(home / PUBLIC, public, 0o644)
    return key


def _whole(path: Path) -> list[bytes]:
    """The lines of a file that have an end."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def _lines(path: Path) -> list[tuple[Checkpoint, str]]:
    return [_read(line, f"{path.name}, line {number}") for number, line in enumerate(_whole(path), 1)]


def _last(path: Path) -> tuple[Checkpoint, str] | None:
    """The last line that has an end; what each command needs must not take longer with each that there was."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - END))
        lines = file.read().split(b"\n")[:-1]
    if len(lines) < 2 and size > END:  # noqa: PLR2004 - the first may lack its beginning
        lines = _whole(path)
    return _read(lines[-1], f"{path.name}, its last line") if lines else None


def _read(line: bytes, where: str) -> tuple[Checkpoint, str]:
    try:
        item = json.loads(line)
        return Checkpoint(int(item["count"]), str(item["head"]), str(item["at"])), str(item["signature"])
    except (ValueError, KeyError, TypeError):
        raise BadCheckpoint(f"{where} is no checkpoint; the file was altered") from None


def read(home: Path) -> Mapping[int, bytes]:
    """The links that checkpoints name, by entry; every signature is checked.

    Raises:
        BadCheckpoint: a line was altered, or the public key is missing.
    """
    known = _lines(home / FILE)
    if not known:
        return {}
    keys = _public_keys(home)
    for number, (checkpoint, signature) in enumerate(known, 1):
        # the newest key most likely signed it
        if not any(_holds(key, signature, checkpoint) for key in reversed(keys)):
            raise BadCheckpoint(f"{FILE}, line {number} was altered: its signature does not hold")
    return _links(known)


def _links(known: Sequence[tuple[Checkpoint, str]]) -> Mapping[int, bytes]:
    try:
        return {checkpoint.count: bytes.fromhex(checkpoint.head) for checkpoint, _ in known}
    except ValueError:
        raise BadCheckpoint(f"{FILE} has a line that names no link; the file was altered") from None


def _public_keys(home: Path) -> list[Ed25519PublicKey]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - slow to load

    try:
        keys = [Ed25519PublicKey.from_public_bytes(bytes.fromhex(line.decode())) for line in _whole(home / PUBLIC)]
    except (OSError, ValueError):
        keys = []
    if not keys:
        raise BadCheckpoint(f"{PUBLIC} is missing or damaged, so that no checkpoint can be checked")
    return keys


def _holds(key: Ed25519PublicKey, signature: str, checkpoint: Checkpoint) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - slow to load

    try:
        key.verify(bytes.fromhex(signature), checkpoint.signed_content())
    except (InvalidSignature, ValueError):
        return False
    return True
