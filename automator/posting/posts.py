"""Posts as a user sees them: planned, listed, cancelled, settled. Functions of an open transaction."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from automator.clock import instant, micros
from automator.intentions import State, settle
from automator.ledger import chain
from automator.notices import Notice, settled, tell
from automator.scheduling import due
from automator.scheduling.due import LATE, NewJob
from automator.scheduling.states import OPEN_STATES, RunState
from connectors.post import Part
from jobs.posting.deliver import KIND, dump, parse

OUTSTANDING = (RunState.SCHEDULED, RunState.WAITING)  #: nobody works on it now, and somebody will
AGAIN = (RunState.FAILED, RunState.MISSED, RunState.CANCELLED)  #: ended, and a person may want it after all
TOLD = ("missed", "failed", "unconfirmed", "held")  #: kinds of notices of a post of which a person says what to do


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A post to plan on one account. ``identity`` makes a second import of it recognisable."""

    account: str
    parts: tuple[Part, ...]
    at: datetime
    zone: str
    wall: str
    identity: str


def plan(
    tx: sqlite3.Connection,
    deliveries: Sequence[NewDelivery],
    now: datetime,
    *,
    source: str,
    late: timedelta = LATE,
) -> list[str]:
    """Plan one post; returns the ids of the deliveries that were not planned before."""
    post, added = secrets.token_hex(8), []
    for wanted in deliveries:
        delivery = secrets.token_hex(8)
        fresh = tx.execute(
            "INSERT INTO delivery (id, post, account, identity, at, parts, generation) VALUES (?,?,?,?,?,?,0) "
            "ON CONFLICT (identity) DO NOTHING",
            (delivery, post, wanted.account, wanted.identity, micros(wanted.at), dump(wanted.parts)),
        ).rowcount
        if not fresh:
            continue
        job = NewJob(delivery, KIND, {}, wanted.at, wanted.account, wanted.zone, wanted.wall, late=late)
        due.add(tx, job, now)
        added.append(delivery)
    if added:
        tx.execute("INSERT INTO post (id, created_at, source) VALUES (?,?,?)", (post, micros(now), source))
    return added


@dataclass(frozen=True, slots=True)
class Listed:
    """One delivery with what became of it."""

    id: str
    post: str
    account: str
    at: datetime
    zone: str
    wall: str
    state: str
    reason: str
    parts: tuple[Part, ...]
    results: tuple[dict[str, Any], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What is written, part by part."""
        return tuple(part.text for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "id": self.id,
            "post": self.post,
            "account": self.account,
            "at": self.at.isoformat(),
            "zone": self.zone,
            "wall": self.wall,
            "state": self.state,
            "reason": self.reason,
            "texts": list(self.texts),
            "results": list(self.results),
        }


_LIST = """
SELECT d.id, d.post, d.account, d.at, j.zone, j.wall, r.state, r.reason, d.parts, d.generation
FROM delivery AS d JOIN job AS j ON j.id = d.id JOIN run AS r ON r.job = d.id
"""


def listed(
    connection: sqlite3.Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    delivery: str | None = None,
    state: str | None = None,
) -> list[Listed]:
    """Deliveries by their time; ``delivery`` may be the beginning of an id."""
    query, values = f"{_LIST} WHERE 1", []
    for clause, value in (
        ("d.at >= ?", since and micros(since)),
        ("d.at < ?", until and micros(until)),
        ("d.id GLOB ?", delivery and f"{delivery}*"),
        ("r.state = ?", state),
    ):
        if value is not None:
            query += f" AND {clause}"
            values.append(value)
    return [_listed(connection, row) for row in connection.execute(f"{query} ORDER BY d.at, d.id", values)]


def _listed(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Listed:
    delivery, post, account, at, zone, wall, state, reason, parts, generation = row
    written = parse(parts)
    keys = [f"{delivery}/{number}/{generation}" for number in range(len(written))]
    marks = ",".join("?" * len(keys))
    found = connection.execute(
        f"SELECT key, result FROM intention WHERE key IN ({marks}) AND state = 'done'",  # noqa: S608 - marks
        keys,
    )
    results = tuple(json.loads(item[1] or "{}") for item in sorted(found, key=lambda item: _part_of(item[0])))
    return Listed(delivery, post, account, instant(at), zone, wall, state, reason, written, results)


def _to(tx: sqlite3.Connection, delivery: str, state: RunState, reason: str, *, from_: Sequence[RunState]) -> bool:
    marks = ",".join("?" * len(from_))
    changed = tx.execute(
        f"UPDATE run SET state = ?, reason = ?, attempt = attempt + 1, owner = NULL "  # noqa: S608 - marks
        f"WHERE job = ? AND state IN ({marks})",
        (state, reason, delivery, *from_),
    ).rowcount
    return bool(changed)


def _sent(tx: sqlite3.Connection, delivery: str) -> bool:
    return bool(_open_keys(tx, delivery))


def _keys(tx: sqlite3.Connection, delivery: str, *states: State) -> list[str]:
    """The intentions of the current generation that are in one of these states, in the order of their parts."""
    rows = tx.execute(
        "SELECT i.key FROM intention AS i JOIN delivery AS d ON d.id = ? "
        "WHERE i.key >= d.id || '/' AND i.key < d.id || '0' AND i.key GLOB '*/' || d.generation "
        "AND i.state IN (SELECT value FROM json_each(?))",
        (delivery, json.dumps(states)),
    )
    return sorted((key for (key,) in rows.fetchall()), key=_part_of)


def _open_keys(tx: sqlite3.Connection, delivery: str) -> list[str]:
    """Those that may have gone out."""
    return _keys(tx, delivery, State.SENT, State.UNCONFIRMED)


def _out(tx: sqlite3.Connection, delivery: str) -> str:
    """How much of a post stays out that is given up in the middle, to follow what is said of it."""
    out = len(_keys(tx, delivery, State.DONE))
    if not out:
        return ""
    (parts,) = tx.execute("SELECT json_array_length(parts) FROM delivery WHERE id = ?", (delivery,)).fetchone()
    return f"; {out} of its {parts} parts went out before, and stays there"


def _part_of(key: str) -> int:
    return int(key.split("/")[1])


def cancel(tx: sqlite3.Connection, delivery: str, now: datetime, *, actor: str) -> bool:
    """Take a delivery back; ``False`` if it is being published, or may have been and will be looked for.

    One of which a person would have to say whether it went out is given up: what is out stays so, and no more goes out.
    """
    if _is(tx, delivery, (RunState.UNCONFIRMED,)):
        why = "cancelled; whether it went out before is not known"
        done = _to(tx, delivery, RunState.CANCELLED, why, from_=(RunState.UNCONFIRMED,))
    elif _sent(tx, delivery):
        return False
    else:
        done = _to(tx, delivery, RunState.CANCELLED, f"cancelled{_out(tx, delivery)}", from_=OUTSTANDING)
    if done:
        _seen_to(tx, delivery, micros(now))
        chain.append(tx, "event", micros(now), {"what": "cancelled", "delivery": delivery, "actor": actor})
    return done


def planned(connection: sqlite3.Connection, account: str) -> list[str]:
    """An account's deliveries that are still to go out, or are going out now."""
    rows = connection.execute(
        "SELECT d.id FROM delivery AS d JOIN run AS r ON r.job = d.id WHERE d.account = ? AND r.state IN (?, ?, ?)",
        (account, *OPEN_STATES),
    )
    return [str(row[0]) for row in rows]


def leave(tx: sqlite3.Connection, account: str, now: datetime) -> None:
    """End what was begun for an account that was removed: through the next one of its name it would be that one's."""
    for delivery in planned(tx, account):
        state, reason = RunState.FAILED, "its account was removed before all of it was out"
        if _sent(tx, delivery):
            state, reason = RunState.UNCONFIRMED, "its account was removed; whether it went out before is not known"
        _to(tx, delivery, state, reason, from_=OPEN_STATES)
        tell(tx, Notice(state, delivery, f"{delivery}: {reason}", account), micros(now))


@dataclass(frozen=True, slots=True)
class Change:
    """What to change of a planned delivery; ``None`` leaves it."""

    parts: tuple[Part, ...] | None = None
    at: datetime | None = None
    zone: str = "UTC"
    wall: str = ""


def edit(tx: sqlite3.Connection, delivery: str, change: Change, now: datetime, *, actor: str) -> bool:
    """Change what is not out; ``False`` if any of it is being published, is published, or may be.

    What failed, was missed or cancelled is planned anew by another time; another text alone leaves it as it is.
    """
    out = tx.execute(
        "SELECT 1 FROM intention WHERE key >= ? || '/' AND key < ? || '0' AND state NOT IN ('planned', 'refused')",
        (delivery, delivery),
    ).fetchone()
    planned = OUTSTANDING + (AGAIN if change.at is not None else ())
    if out:
        return False
    if _to(tx, delivery, RunState.SCHEDULED, "", from_=planned):
        _seen_to(tx, delivery, micros(now))
    elif not _is(tx, delivery, AGAIN):
        return False
    # a plan that was frozen and put off is of the old text
    tx.execute("UPDATE delivery SET generation = generation + 1 WHERE id = ?", (delivery,))
    if change.parts is not None:
        tx.execute("UPDATE delivery SET parts = ? WHERE id = ?", (dump(change.parts), delivery))
    if change.at is not None:
        at = micros(change.at)
        tx.execute("UPDATE delivery SET at = ? WHERE id = ?", (at, delivery))
        tx.execute("UPDATE job SET zone = ?, wall = ? WHERE id = ?", (change.zone, change.wall, delivery))
        tx.execute(
            "UPDATE run SET scheduled_for = ?, ready_at = ?, started_at = NULL WHERE job = ?", (at, at, delivery)
        )
    said = {"what": "edited", "delivery": delivery, "actor": actor}
    texts = {"texts": [part.text for part in change.parts]} if change.parts is not None else {}
    when = {"at": change.at.isoformat()} if change.at is not None else {}
    chain.append(tx, "event", micros(now), said | texts | when)
    return True


def _is(tx: sqlite3.Connection, delivery: str, states: Sequence[RunState]) -> bool:
    row = tx.execute("SELECT state FROM run WHERE job = ?", (delivery,)).fetchone()
    return row is not None and row[0] in states


def retry(tx: sqlite3.Connection, delivery: str, now: datetime, *, actor: str) -> bool:
    """Publish a failed, missed or cancelled delivery now, going on at the part that is missing."""
    done = _to(tx, delivery, RunState.SCHEDULED, "", from_=AGAIN)
    if done:
        _next_generation(tx, delivery, State.REFUSED)
        at = micros(now)
        _from_now(tx, delivery, at)
        tx.execute("UPDATE run SET started_at = ? WHERE job = ?", (at, delivery))
        chain.append(tx, "event", at, {"what": "retried", "delivery": delivery, "actor": actor})
    return done


def wake(tx: sqlite3.Connection, subject: str, at: int) -> None:
    """Try now what waits on an account, or on all of a provider's; what waits for an answer waits on by itself."""
    tx.execute(
        "UPDATE run SET ready_at = min(ready_at, ?1) WHERE state = ?2 AND job IN (SELECT id FROM job WHERE kind = ?3 "
        "AND (account = ?4 OR substr(account, 1, length(?4) + 1) = ?4 || '/'))",
        (at, RunState.WAITING, KIND, subject),
    )


def _seen_to(tx: sqlite3.Connection, delivery: str, at: int) -> None:
    """What was told of it is no longer so; when it is so again, a person has to hear of it again."""
    for kind in TOLD:
        settled(tx, kind, delivery, at)


def _from_now(tx: sqlite3.Connection, delivery: str, at: int) -> None:
    """It is due now, and how late it may be counts from now on."""
    _seen_to(tx, delivery, at)
    tx.execute("UPDATE run SET ready_at = ?1, scheduled_for = ?1 WHERE job = ?2", (at, delivery))


def _next_generation(tx: sqlite3.Connection, delivery: str, stale: State) -> None:
    """Give the parts in state ``stale`` new intentions; those that are done keep their results."""
    (generation,) = tx.execute("SELECT generation FROM delivery WHERE id = ?", (delivery,)).fetchone()
    rows = tx.execute(
        "SELECT key, account, operation, plan, state, result, sent_at FROM intention WHERE key GLOB ?",
        (f"{delivery}/*/{generation}",),
    ).fetchall()
    if not any(row[4] == stale for row in rows):
        return
    for key, account, operation, frozen, state, result, sent_at in rows:
        if state != State.DONE:
            continue
        following = f"{key.rsplit('/', 1)[0]}/{generation + 1}"
        tx.execute(
            "INSERT INTO intention (key, account, operation, plan, state, attempt, result, sent_at) "
            "VALUES (?,?,?,?,?,0,?,?)",
            (following, account, operation, frozen, state, result, sent_at),
        )
    tx.execute("UPDATE delivery SET generation = generation + 1 WHERE id = ?", (delivery,))


def hold(tx: sqlite3.Connection, delivery: str, reason: str, at: int) -> None:
    """Every part without a result may have been published by a process whose record is lost: a person looks at each.

    A delivery that had ended stays as it is, until someone wants to try it again.
    """
    account, written, generation = tx.execute(
        "SELECT account, parts, generation FROM delivery WHERE id = ?", (delivery,)
    ).fetchone()
    for number in range(len(parse(written))):
        tx.execute(
            "INSERT INTO intention (key, account, operation, plan, state, attempt, sent_at) "
            "VALUES (?,?,'restored','{}','unconfirmed',1,?) ON CONFLICT (key) DO UPDATE "
            "SET state = 'unconfirmed', attempt = attempt + 1 WHERE state IN ('planned', 'sent', 'refused')",
            (f"{delivery}/{number}/{generation}", account, at),
        )
    # what was sent, and when last, is lost too: it is looked for up to now
    tx.execute(
        "UPDATE intention SET sent_at = ?1 WHERE key >= ?2 || '/' AND key < ?2 || '0' AND state = 'unconfirmed'",
        (at, delivery),
    )
    _to(tx, delivery, RunState.UNCONFIRMED, reason, from_=OPEN_STATES)


def resolve_there(tx: sqlite3.Connection, delivery: str, result: dict[str, Any], now: datetime, *, actor: str) -> bool:
    """A person saw that the first open part was published: it is done, and the delivery goes on.

    Where more parts are open (a restored backup), it stays unconfirmed until each is settled.
    """
    keys = _open_keys(tx, delivery)
    if not keys or not settle(tx, keys[0], State.DONE, result):
        return False
    more = len(keys) - 1
    if not more:
        return _taken_up(tx, delivery, now, actor, "it is there")
    said = {"what": "settled", "delivery": delivery, "verdict": "it is there", "open": more, "actor": actor}
    chain.append(tx, "event", micros(now), said)
    return True


def resolve_send_again(tx: sqlite3.Connection, delivery: str, now: datetime, *, actor: str) -> bool:
    """A person saw that the open part was not published: it is sent again, as a new generation."""
    if not _to(tx, delivery, RunState.UNCONFIRMED, "", from_=(RunState.UNCONFIRMED,)):
        return False
    _next_generation(tx, delivery, State.UNCONFIRMED)
    return _taken_up(tx, delivery, now, actor, "send it again")


def _taken_up(tx: sqlite3.Connection, delivery: str, now: datetime, actor: str, verdict: str) -> bool:
    _to(tx, delivery, RunState.WAITING, "", from_=(RunState.UNCONFIRMED, RunState.WAITING))
    at = micros(now)
    _from_now(tx, delivery, at)
    chain.append(tx, "event", at, {"what": "settled", "delivery": delivery, "verdict": verdict, "actor": actor})
    return True
