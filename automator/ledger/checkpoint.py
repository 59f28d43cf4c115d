"""Checkpoints: the ledger's head, signed (Ed25519, RFC 8032), in a file beside the database."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automator.ledger import chain
from automator.vault.store import Store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FILE, PUBLIC = "checkpoints.jsonl", "checkpoints.pub"
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
    known = _lines(home / FILE)
    if not count or (known and known[-1][0].count >= count):
        return None
    key = signing_key(home, store)
    made = Checkpoint(count, head.hex(), now.isoformat())
    line = {"count": count, "head": made.head, "at": made.at, "signature": key.sign(made.signed_content()).hex()}
    file = os.open(home / FILE, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return made


def newest(home: Path) -> Mapping[str, Any] | None:
    """The last line of the file, as it stands there; ``None`` if there is none."""
    known = _lines(home / FILE)
    return asdict(known[-1][0]) | {"signature": known[-1][1]} if known else None


def signing_key(home: Path, store: Store) -> Ed25519PrivateKey:
    """The installation's own key, made when it is first needed; its public half lies beside the database."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - slow to load

    held = store.get(ACCOUNT, 1)
    if held is None:
        fresh = Ed25519PrivateKey.generate()
        held = {"key": fresh.private_bytes_raw().hex()}
        store.put(ACCOUNT, 1, held)
        (home / PUBLIC).write_text(fresh.public_key().public_bytes_raw().hex() + "\n", encoding="ascii")
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(held["key"]))


def _lines(path: Path) -> list[tuple[Checkpoint, str]]:
    if not path.exists():
        return []
    found: list[tuple[Checkpoint, str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            item = json.loads(line)
            found.append((Checkpoint(int(item["count"]), str(item["head"]), str(item["at"])), str(item["signature"])))
        except (ValueError, KeyError, TypeError):
            raise BadCheckpoint(f"{path.name}, line {number} is no checkpoint; the file was altered") from None
    return found


def read(home: Path) -> Mapping[int, bytes]:
    """The links that checkpoints name, by entry; every signature is checked.

    Raises:
        BadCheckpoint: a line was altered, or the public key is missing.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - slow to load
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

    known = _lines(home / FILE)
    if not known:
        return {}
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex((home / PUBLIC).read_text(encoding="ascii").strip()))
    except (OSError, ValueError):
        raise BadCheckpoint(f"{PUBLIC} is missing or damaged, so that no checkpoint can be checked") from None
    for number, (checkpoint, signature) in enumerate(known, 1):
        try:
            public.verify(bytes.fromhex(signature), checkpoint.signed_content())
        except (InvalidSignature, ValueError):
            raise BadCheckpoint(f"{FILE}, line {number} was altered: its signature does not hold") from None
    return {checkpoint.count: bytes.fromhex(checkpoint.head) for checkpoint, _ in known}
