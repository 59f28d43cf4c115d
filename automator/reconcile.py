"""Reconcile: what a provider shows of an account, beside what our records say was published."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from automator.clock import instant, micros
from automator.engine import Engine
from automator.intentions import State
from automator.ledger import chain
from automator.ledger.query import after
from connectors.base import MONEY
from connectors.network import Network, Shown
from connectors.post import Form
from jobs.posting.deliver import parse

LAG = timedelta(minutes=5)  #: by which a provider's list may be behind
SLACK = timedelta(minutes=10)  #: by which its clock may be
BEFORE = timedelta(days=1)  #: our records are read from so much earlier, so that what lies on the edge is matched
UNLISTED = frozenset({Form.STORY, Form.COMMENT})  #: what some networks show for a day, or not among the posts
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_SLASH = re.compile(r"/(?=\s|$)")


class Kind(StrEnum):
    """What a comparison finds."""

    MATCHED = "matched"
    FOREIGN = "foreign"  #: shown, and in no record of ours
    OPEN = "open"  #: ours, and whether it went out was not known
    MISSING = "missing"  #: published by our records, and not shown


@dataclass(frozen=True, slots=True)
class Ours:
    """One part that may have gone out, by our records.

    Attributes:
        part: From 0.
        state: ``DONE``, ``SENT`` or ``UNCONFIRMED``.
        due: It went out no earlier.
        sent: When it was last sent.
        deleted: We took it down.
        ended: It failed, was missed or cancelled: nobody waits to hear that it is not there.
    """

    delivery: str
    part: int
    text: str
    form: Form
    state: State
    result: Mapping[str, Any]
    due: datetime
    sent: datetime
    deleted: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that both sides, or only one of them, have."""

    kind: Kind
    shown: Shown | None
    ours: Ours | None


def compare(shown: Sequence[Shown], ours: Sequence[Ours], since: datetime) -> list[Finding]:
    """Match by the provider's own names, then what is open by its text; whatever is left stands alone. Pure."""
    done = {name(item.result): item for item in ours if item.state is State.DONE}
    open_ = sorted((item for item in ours if item.state is not State.DONE), key=lambda item: (item.due, item.part))
    found: list[Finding] = []
    for item in sorted(shown, key=lambda item: item.at):
        mine = done.pop(name(item.result), None)
        if mine is not None:
            found.append(Finding(Kind.MATCHED, item, mine))
            continue
        mine = next((other for other in open_ if _same(item, other)), None)
        if mine is not None:
            open_.remove(mine)
        found.append(Finding(Kind.OPEN if mine else Kind.FOREIGN, item, mine))
    missing = [item for item in done.values() if item.sent >= since and not item.deleted and item.form not in UNLISTED]
    found += [Finding(Kind.MISSING, None, item) for item in missing]
    return found + [Finding(Kind.OPEN, None, item) for item in open_ if item.due >= since and not item.ended]


def name(result: Mapping[str, Any]) -> str:
    """The provider's own name of a post; the account before it may be written in several ways."""
    return str(result.get("uri") or result.get("id")).rsplit("/", 1)[-1]


def _same(shown: Shown, ours: Ours) -> bool:
    return shown.at >= ours.due - SLACK and plain(shown.text) == plain(ours.text)


def plain(text: str) -> str:
    """A text as far as every provider keeps it: composed, white space as one, addresses without their protocol."""
    words = " ".join(unicodedata.normalize("NFC", text).split())
    return _SLASH.sub("", _SCHEME.sub("", words))


@dataclass(frozen=True, slots=True)
class Comparison:
    """An account, looked at.

    Attributes:
        cost: What looking took at most, in thousandths of a US dollar.
    """

    network: Network
    since: datetime
    now: datetime
    findings: tuple[Finding, ...]
    cost: float

    def of(self, kind: Kind) -> list[Finding]:
        """The findings of one kind."""
        return [item for item in self.findings if item.kind is kind]

    def link(self, shown: Shown) -> str:
        """Where a person sees it."""
        return self.network.link(shown.result) or name(shown.result)

    def command(self, finding: Finding) -> str | None:
        """What to type about something open; ``None`` for anything else."""
        if finding.kind is not Kind.OPEN or finding.ours is None:
            return None
        settled = f"--there {self.link(finding.shown)}" if finding.shown else "--send-again"
        return f"automator posts resolve {finding.ours.delivery[:8]} {settled}"

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "since": self.since.isoformat(),
            "cost": self.cost,
            "findings": [
                {
                    "kind": item.kind,
                    "at": (item.shown.at if item.shown else item.ours.sent if item.ours else self.now).isoformat(),
                    "text": item.shown.text if item.shown else item.ours.text if item.ours else "",
                    "link": self.link(item.shown) if item.shown else None,
                    "delivery": item.ours.delivery if item.ours else None,
                    "part": item.ours.part + 1 if item.ours else None,
                    "command": self.command(item),
                }
                for item in self.findings
            ],
        }


async def reconcile(engine: Engine, account: str, since: datetime) -> Comparison:
    """Ask the provider what it shows since then, and compare.

    Raises:
        automator.accounts.NoAccount: there is none of this name.
        connectors.network.Rejected: the provider does not say.
    """
    before = chain.head(engine.reader)[0]
    session, network = engine.session(account, {"command": "accounts reconcile"})
    ours = list(records(engine.reader, account, since - BEFORE))
    findings = compare(await network.recent(session, since), ours, since)
    priced = {budget.name for budget in network.budgets if budget.unit == MONEY}
    taken = [call.request["cost"] for call in after(engine.reader, before, account)]
    cost = max((sum(row.get(budget, 0) for row in taken) for budget in priced), default=0)
    return Comparison(network, since, engine.clock.now(), tuple(findings), cost)


_SENT = """
SELECT d.id, d.parts, d.at, i.key, i.state, i.result, i.sent_at,
  EXISTS (SELECT 1 FROM run AS r WHERE r.job = d.id AND r.state IN ('failed', 'missed', 'cancelled'))
FROM delivery AS d
JOIN intention AS i ON i.key >= d.id || '/' AND i.key < d.id || '0' AND i.key GLOB '*/' || d.generation
WHERE d.account = ? AND i.state IN ('done', 'sent', 'unconfirmed') AND max(coalesce(i.sent_at, 0), d.at) >= ?
ORDER BY d.at, i.key
"""


def records(reader: sqlite3.Connection, account: str, since: datetime) -> Iterator[Ours]:
    """What of an account may have gone out since then."""
    gone = {name(json.loads(row[0]).get("published") or {}) for row in reader.execute(_DELETED, (account,))}
    for delivery, parts, at, key, state, result, sent, ended in reader.execute(_SENT, (account, micros(since))):
        number, became = int(key.split("/")[1]), json.loads(result or "{}")
        part = parse(parts)[number]
        due, deleted = instant(at), name(became) in gone
        last = instant(sent or at)
        yield Ours(delivery, number, part.text, part.form, State(state), became, due, last, deleted, bool(ended))


_DELETED = "SELECT plan FROM intention WHERE account = ? AND state = 'done' AND operation LIKE '%.delete'"
