"""Halt: stop every write at once, of one account, one bot or all, until a person resumes. Survives restarts."""

from __future__ import annotations

import sqlite3

from automator.ledger import chain
from connectors.base import CallRefused, Scope

EVERYTHING = "*"  #: the name that halts all accounts
STOPPED = frozenset({Scope.WRITE, Scope.DELETE, Scope.TRADE})  #: what a halt stops, uploads for later too


class Halted(CallRefused):
    """A person halted this; nothing was sent. Look-ups still pass, and the sign-ins that they need."""


def halt(tx: sqlite3.Connection, name: str, at: int, *, reason: str, actor: str) -> bool:
    """Put a halt in force, as an event; ``False`` if it was in force already."""
    changed = tx.execute(
        "INSERT INTO halt (name, at, reason) VALUES (?,?,?) ON CONFLICT DO NOTHING", (name, at, reason)
    ).rowcount
    if changed:
        chain.append(tx, "event", at, {"what": "halt", "name": name, "reason": reason, "actor": actor})
    return bool(changed)


def resume(tx: sqlite3.Connection, name: str, at: int, *, actor: str) -> bool:
    """Lift a halt, as an event; what waited for it is due at once. ``False`` if there was none."""
    changed = tx.execute("DELETE FROM halt WHERE name = ?", (name,)).rowcount
    if changed:
        waited = f"{_called(name)} is halted*"
        tx.execute("UPDATE run SET ready_at = ? WHERE state = 'waiting' AND reason GLOB ?", (at, waited))
        chain.append(tx, "event", at, {"what": "resume", "name": name, "actor": actor})
    return bool(changed)


def standing(connection: sqlite3.Connection, *of: str) -> list[str]:
    """The halts in force, each as a sentence, that of everything first; with names, those that hold one of them."""
    rows = connection.execute("SELECT name, reason FROM halt ORDER BY name")  # * sorts before every name
    held = [(name, reason) for name, reason in rows if not of or name in {EVERYTHING, *of}]
    return [f"{_called(name)} is halted ({reason or 'no reason given'})" for name, reason in held]


def check(connection: sqlite3.Connection, account: str) -> None:
    """Raise ``Halted`` if writes of ``account`` are halted."""
    row = connection.execute(
        "SELECT name, reason FROM halt WHERE name IN (?, ?) LIMIT 1", (account, EVERYTHING)
    ).fetchone()
    if row is not None:
        raise Halted(f"{_called(row[0])} is halted ({row[1] or 'no reason given'}); nothing was sent")


def _called(name: str) -> str:
    return "everything" if name == EVERYTHING else name
