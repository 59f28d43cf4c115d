"""Whether an installation works, for ``automator doctor``: what is so, and what needs a person."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from automator import accounts, place, unit
from automator.accounts import NoAccount, Stored
from automator.clock import instant, micros
from automator.egress.session import WRONG
from automator.engine import Engine
from automator.halts import standing
from automator.hosting.host import elsewhere
from automator.ledger import checkpoint
from automator.ledger.chain import Fault, whole
from automator.ledger.checkpoint import BadCheckpoint
from automator.vault import unattended
from automator.vault.store import VaultError
from automator.webhook import overdue
from connectors.answer import lead
from connectors.words import counted

STALE = timedelta(seconds=10)  #: a service ticks every second
OVERDUE = timedelta(seconds=30)
SERVICE = "the service"
UNTOLD = timedelta(minutes=10)  #: after which it matters that the webhook has not taken a notice
LATELY = timedelta(days=1)
AHEAD = timedelta(days=180)  #: told before something that is chosen stops working
ASKED = 50  #: newest answers that are looked through for the time


@dataclass(frozen=True, slots=True)
class Health:
    """How things stand.

    Attributes:
        vault: What it is; empty: it can't be opened.
        vault_trouble: Why it can't, or why it takes no new key.
        keys_lost: What is to be said of each account whose key the vault has not.
        vault_elsewhere: By who else opens the vault: why it can't, or ``None``.
        installed: Whether the service is, for this installation: then it must open the vault.
        ticked_seconds_ago: ``None``: the service has never run.
        clock_ahead_seconds: By the last answer of a provider that said its time; ``None``: there is none.
        media: What it is, or ``none``.
        media_trouble: What went wrong when a picture was put there, fetched and removed; empty: nothing.
        media_left: Files in places that are no longer the media host.
        ledger: What is wrong with it, or how many entries hold.
        ending: What accounts use of a provider and will stop working, each with the day.
        stuck: Processes that keep an account's key from all others, and since when.
        copied: That this is a copy of an installation elsewhere, and so sends nothing; empty: it is none.
    """

    vault: str
    vault_trouble: str
    keys_lost: list[str]
    vault_elsewhere: dict[str, str | None]
    installed: bool
    ticked_seconds_ago: float | None
    oldest_due_seconds_late: float
    clock_ahead_seconds: float | None
    notices: int
    notices_untold: int
    webhook_said: str
    media: str
    media_trouble: str
    media_left: dict[str, int]
    ledger: str
    ledger_ok: bool
    halted: list[str]
    ending: list[str]
    unconfirmed: int  #: orders
    stuck: list[str]
    copied: str

    @property
    def problems(self) -> list[str]:
        """What needs a person, each with what to do."""
        found: list[str] = []
        if self.vault_trouble:
            found.append(f"{self.vault_trouble}; until that is put right, posts and orders may not go out")
        found += self.keys_lost
        if self.installed and (unopened := self.vault_elsewhere.get(SERVICE)):
            found.append(f"the service can't open the vault, and sends nothing: {unopened}")
        if not self.ledger_ok:
            found.append(f"{self.ledger}; keep the database as it is, and look who had access to it")
        found += [self.copied] if self.copied else []
        found += self.stuck
        if self.oldest_due_seconds_late > OVERDUE.total_seconds():
            stale = self.ticked_seconds_ago is None or self.ticked_seconds_ago > STALE.total_seconds()
            nobody = "posts are due and nothing works on them; start `automator serve`"
            found.append(nobody if stale else "posts are due and wait; `automator posts list` says for what")
        if self.notices_untold:
            waits = f"the webhook has not taken {counted(self.notices_untold, 'notice')}; it said: {self.webhook_said}"
            found.append(f"{waits}; try it with `automator notices --test`")
        if self.unconfirmed:
            many = "1 order is" if self.unconfirmed == 1 else f"{self.unconfirmed} orders are"
            found.append(f"{many} unconfirmed; `automator orders list --state unconfirmed` says which, and what to do")
        if self.media_trouble:
            found.append(f"the media host does not work: {self.media_trouble}")
        for host, count in self.media_left.items():
            found.append(
                f"{host} is no longer the media host, and holds {counted(count, 'file')}; remove what is there"
            )
        ahead = self.clock_ahead_seconds
        if ahead is not None and abs(ahead) > WRONG.total_seconds():
            way = "ahead of" if ahead > 0 else "behind"
            found.append(f"this machine's clock is {abs(ahead):.0f} s {way} the providers'; set it right")
        found += [f"{item}; choose another with `automator accounts change` or in config.toml" for item in self.ending]
        return found

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "problems": self.problems, "ok": not self.problems}


def health(engine: Engine, media_trouble: str = "") -> Health:
    """Look at everything. ``media_trouble`` is what the media host's own test came to."""
    reader, present = engine.reader, engine.clock.now()
    now = micros(present)
    beat = reader.execute("SELECT at FROM beat WHERE name = 'tick'").fetchone()
    (late,) = reader.execute(
        "SELECT min(ready_at) FROM run WHERE state IN ('scheduled', 'waiting') AND ready_at <= ?", (now,)
    ).fetchone()
    (doubted,) = reader.execute("SELECT count(*) FROM ordered WHERE state = 'unconfirmed'").fetchone()
    (unread,) = reader.execute("SELECT count(*) FROM notice WHERE seen_at IS NULL").fetchone()
    untold, said = overdue(reader, engine.clock, UNTOLD) if engine.webhook is not None else (0, "")
    ledger, ledger_ok = _ledger(reader, engine.home.path)
    vault, vault_trouble = _vault(engine)
    return Health(
        vault=vault,
        vault_trouble=vault_trouble,
        keys_lost=list(_lost(engine)) if vault else [],
        vault_elsewhere=_elsewhere(engine, vault) if vault else {},
        installed=unit.installed(engine.home.path),
        ticked_seconds_ago=round((now - beat[0]) / 1e6, 1) if beat else None,
        oldest_due_seconds_late=round((now - late) / 1e6, 1) if late is not None else 0.0,
        clock_ahead_seconds=clock_ahead(reader, present),
        notices=unread,
        notices_untold=untold,
        webhook_said=said,
        media=f"{engine.media.at.place}, shown under {engine.media.at.public_url}" if engine.media else "none",
        media_trouble=media_trouble,
        media_left=dict(elsewhere(reader, engine.media.at.place if engine.media else "")),
        ledger=ledger,
        ledger_ok=ledger_ok,
        halted=standing(reader),
        ending=list(ending(accounts.everything(reader), engine.settings.providers, present)),
        unconfirmed=doubted,
        stuck=list(map(str, engine.turns.held())),
        copied=place.trouble(reader, place.here(engine.home.database)),
    )


def _vault(engine: Engine) -> tuple[str, str]:
    """What it is, or why it can't be opened, or takes no new key."""
    vault = ""
    try:
        vault = engine.store.check()
        engine.store.ready()
    except VaultError as error:
        return vault, str(error)
    return vault, ""


def _lost(engine: Engine) -> Iterator[str]:
    """For each account whose key the vault has not: another one is in its place, or an older one was put back."""
    for who in accounts.everything(engine.reader):
        try:
            engine.keys.secrets(who)
        except (NoAccount, VaultError) as lost:
            yield str(lost)


def _elsewhere(engine: Engine, vault: str) -> dict[str, str | None]:
    home, kind = engine.home.path, engine.settings.vault.kind
    bare = {"cron": unattended.cron(os.environ), SERVICE: unattended.service(os.environ)}
    return {name: unattended.trouble(home, kind, vault, environ) for name, environ in bare.items()}


def _ledger(reader: sqlite3.Connection, home: Path) -> tuple[str, bool]:
    """What is to be said of it, and whether it holds."""
    try:
        found = whole(reader, checkpoint.named(home))
        if isinstance(found, Fault):
            checkpoint.read(home)  # where a line was altered, that is what is wrong, and not the ledger
            return str(found), False
    except BadCheckpoint as bad:
        return str(bad), False
    return f"{counted(found, 'entry', 'entries')}, none altered or missing", True


def ending(connected: Iterable[Stored], providers: Mapping[str, Mapping[str, str]], now: datetime) -> Iterator[str]:
    """What accounts have chosen, or the installation for them, that stops working within half a year. Pure."""
    for who in connected:
        chosen = {**providers.get(who.provider, {}), **who.chosen}
        for option in accounts.connector(who, providers).options:
            value = chosen.get(option.name) or option.default
            ends = option.ends.get(value)
            if ends is not None and ends < (now + AHEAD).date():
                yield f"{who.name} uses {option.name} {value} of {who.provider}, which ends on {ends}"


def clock_ahead(reader: sqlite3.Connection, now: datetime) -> float | None:
    """Seconds by which this machine's clock was ahead of a provider's, when one last said its time (``Date``).

    ``None`` if that was long ago, or lies in the future: then the clock was set since.
    """
    answers = reader.execute(
        "SELECT at, coalesce(said(data), '{}') FROM entry "  # one that was altered says nothing
        "WHERE kind = 'answer' AND account <> 'webhook' AND at BETWEEN ? AND ? "
        "ORDER BY seq DESC LIMIT ?",
        (micros(now - LATELY), micros(now), ASKED),
    )
    for at, data in answers:
        for name, value in json.loads(data).get("headers") or []:
            if name.lower() == "date" and (ahead := lead(value, instant(at))) is not None:
                return -ahead.total_seconds()
    return None
