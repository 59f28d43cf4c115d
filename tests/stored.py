"""All that an installation has on the disk, with what is packed unpacked: where a key must not be."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from automator import accounts
from automator.engine import Engine
from automator.ledger import pack


def unpacked(reader: sqlite3.Connection) -> str:
    """Every entry and body as it was before it was packed, and all other rows as they are."""
    entries = [text for (text,) in reader.execute("SELECT said(data) FROM entry")]
    kept = reader.execute("SELECT packed FROM body UNION ALL SELECT body FROM entry WHERE body IS NOT NULL")
    bodies = [pack.unpack(packed).decode(errors="replace") for (packed,) in kept]
    return "\n".join([*reader.iterdump(), *entries, *bodies])


def everything(folder: Path, reader: sqlite3.Connection) -> bytes:
    """The same, and every file's bytes."""
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return b"\n".join([*files, unpacked(reader).encode(errors="replace")])


def key(engine: Engine, name: str) -> Mapping[str, str]:
    """The key of an account that is in force."""
    return engine.keys.secrets(accounts.load(engine.reader, name))
