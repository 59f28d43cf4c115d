"""The hash chain: each entry's link is SHA-256 over the link before it and the entry's own content."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from automator.ledger import pack
from automator.ledger.pack import Kind, Unpackable

GENESIS = bytes(32)
BODY_CAP = 256 * 1024  #: larger bodies are kept as digest and size only
BESIDE = 1_000  #: bytes; a packed body up to this size stands beside its entry, a larger one is kept once for all
_sorted = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_plain = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
TAIL = "tail"  #: the newest entry's number and link, in the memo of a connection
COLUMNS = "seq, kind, at, call, account, operation, outcome, data"


class Connection(sqlite3.Connection):
    """A connection that may remember what it read and wrote, so that it is not looked up each time.

    Attributes:
        memo: By what it is about; ``None``: nothing is remembered. Whoever opens the transactions empties it when
            another connection has written, or anything was undone; whoever changes a row in its own way forgets it.
    """

    memo: dict[Hashable, Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # for SQL that looks into entries: json_extract(said(data), '$.reason')
        self.create_function("said", 1, _said_or_null, deterministic=True)


def memo_of(connection: sqlite3.Connection) -> dict[Hashable, Any]:
    """What it remembers; an empty one that nobody keeps if it does not."""
    memo = connection.memo if isinstance(connection, Connection) else None
    return {} if memo is None else memo


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values, equal text."""
    try:
        return orjson.dumps(value, option=_STRICT | orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # halves of a surrogate pair, keys that are numbers, and what is no JSON: that is told there
        return _sorted(value)


@dataclass(frozen=True, slots=True)
class Said:
    """An entry's content made ready to be stored, outside of any transaction.

    Attributes:
        text: Canonical JSON; what the link covers.
        packed: What is stored.
    """

    text: str
    packed: bytes


def say(text: str, kind: Kind) -> Said:
    """Pack canonical JSON."""
    return Said(text, pack.pack(text.encode(errors="surrogatepass"), kind))


def said(stored: bytes | str) -> str:
    """An entry's content; what was written before entries were packed is text.

    Raises:
        Unpackable: it was altered, or a newer version of Automator wrote it.
    """
    return stored if isinstance(stored, str) else pack.unpack(stored).decode(errors="surrogatepass")


def _said_or_null(stored: bytes | str) -> str | None:
    """One entry that was altered must not keep a statement from those that were not."""
    try:
        return said(stored)
    except (Unpackable, UnicodeDecodeError):
        return None


def link(previous: bytes, row: tuple[Any, ...]) -> bytes:
    """The link of ``row`` (the columns of ``COLUMNS``) after ``previous``."""
    try:
        text = orjson.dumps(row)
    except TypeError:
        text = _plain(row).encode()
    return hashlib.sha256(previous + text).digest()


def head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """The newest entry's number and link; ``(0, GENESIS)`` for an empty ledger.

    Raises:
        sqlite3.DatabaseError: what stands there is no link, and nothing can be linked to it.
    """
    row = connection.execute("SELECT seq, link FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    if row is None:
        return 0, GENESIS
    if not isinstance(row[1], bytes) or len(row[1]) != len(GENESIS):
        raise sqlite3.DatabaseError(f"the link of entry {row[0]} was altered")
    return row[0], row[1]


def append(  # noqa: PLR0913 - the entry's columns
    connection: sqlite3.Connection,
    kind: str,
    at: int,
    data: Mapping[str, Any] | Said,
    *,
    call: int | None = None,
    account: str | None = None,
    operation: str | None = None,
    outcome: str | None = None,
    body: Packed | None = None,
) -> int:
    """Add an entry inside the caller's transaction and return its number; ``data`` may be packed already.

    ``body``: the one that ``data`` names. The link covers its digest, so that it may be pruned.
    """
    memo = memo_of(connection)
    last, previous = memo[TAIL] if TAIL in memo else head(connection)
    content = data if isinstance(data, Said) else say(canonical(data), Kind.ANSWER if kind == "answer" else Kind.CALL)
    row = (last + 1, kind, at, call, account, operation, outcome)
    mark = link(previous, (*row, content.text))
    connection.execute(
        f"INSERT INTO entry ({COLUMNS}, link, body) VALUES (?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - a constant
        (*row, content.packed, mark, body and body.beside(connection, last + 1)),
    )
    memo[TAIL] = (last + 1, mark)
    return last + 1


@dataclass(frozen=True, slots=True)
class Packed:
    """A body made ready to be stored, outside of any transaction.

    Attributes:
        says: What an entry says of it; empty for no body.
        mark: By what it is found if it is kept apart.
        packed: What is stored; ``None`` if nothing is.
    """

    says: dict[str, Any]
    mark: int = 0
    packed: bytes | None = None

    def beside(self, connection: sqlite3.Connection, seq: int) -> bytes | None:
        """What stands beside its entry. A large one is stored apart, once for all, since answers repeat themselves."""
        if self.packed is None or len(self.packed) <= BESIDE:
            return self.packed
        found = connection.execute(
            "UPDATE body SET seq = ? WHERE mark = ? AND packed = ?", (seq, self.mark, self.packed)
        )
        if not found.rowcount:
            connection.execute("INSERT INTO body (mark, seq, packed) VALUES (?,?,?)", (self.mark, seq, self.packed))
        return None


def mark_of(digest: bytes) -> int:
    """By what a body is looked for: 32 bits of its digest; which of several it is, their content says."""
    return int.from_bytes(digest[:4], "big", signed=True)


def pack_body(content: bytes) -> Packed:
    """Digest and compress a body."""
    if not content:
        return Packed({})
    digest = hashlib.sha256(content).digest()
    says = {"sha256": digest.hex(), "size": len(content)}
    return Packed(says, mark_of(digest), pack.pack(content, Kind.BODY) if len(content) <= BODY_CAP else None)


def read_body(connection: sqlite3.Connection, seq: int, says: Mapping[str, Any] | None) -> bytes | None:
    """The bytes of which the entry with this number ``says`` the digest; empty if it names none.

    ``None`` when they were pruned, altered, too large to keep, or streamed.
    """
    if not says:
        return b""
    digest = bytes.fromhex(says["sha256"]) if "sha256" in says else b""
    stored = connection.execute(
        "SELECT body FROM entry WHERE seq = ?1 AND body IS NOT NULL UNION ALL SELECT packed FROM body WHERE mark = ?2",
        (seq, mark_of(digest)),
    )
    for (packed,) in stored:
        try:
            content = pack.unpack(packed)
        except Unpackable:
            continue
        if hashlib.sha256(content).digest() == digest:
            return content
    return None


def anchor(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Where the ledger begins: the number and link of the last pruned entry, as the event of the pruning says.

    ``(0, GENESIS)`` if nothing was pruned, or what is missing was taken out in another way.
    """
    first = connection.execute("SELECT min(seq) FROM entry").fetchone()[0]
    if first is None or first == 1:
        return 0, GENESIS
    events = connection.execute(
        "SELECT said(data) FROM entry WHERE kind = 'event' AND json_extract(said(data), '$.what') = 'pruned' "
        "AND json_extract(said(data), '$.through') = ? ORDER BY seq DESC LIMIT 1",
        (first - 1,),
    ).fetchone()
    return (first - 1, bytes.fromhex(json.loads(events[0])["link"])) if events else (0, GENESIS)


@contextmanager
def one_state(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is read within is of one moment, whatever is written or pruned meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: ``what`` is ``altered``, ``gap``, ``truncated`` or ``fork``, or ``body``; ``seq`` is where."""

    what: str
    seq: int

    def __str__(self) -> str:
        return {
            "altered": f"entry {self.seq} was altered after it was written",
            "gap": f"entry {self.seq} is missing",
            "truncated": f"entries from {self.seq} on are missing: a checkpoint names them",
            "fork": f"entry {self.seq} is not the one that a checkpoint names: the ledger was rewritten",
            "body": f"the body of entry {self.seq} was altered after it was written",
        }[self.what]


def verify(connection: sqlite3.Connection, checkpoints: Mapping[int, bytes] | None = None) -> Fault | int:
    """Recompute every link; compare the links that checkpoints (number -> link) name.

    Returns the first fault, or the number of entries that hold.
    """
    number = 0
    try:
        with one_state(connection):
            for number, _ in _held(connection, checkpoints or {}):  # noqa: B007 - the last one is wanted
                pass
    except _Faulty as found:
        return found.fault
    return number


def whole(connection: sqlite3.Connection, checkpoints: Mapping[int, bytes]) -> Fault | int:
    """``verify``, and whether each body that is kept is the one whose digest an entry names."""
    with one_state(connection):
        return _whole(connection, checkpoints)


def _whole(connection: sqlite3.Connection, checkpoints: Mapping[int, bytes]) -> Fault | int:
    beside = connection.execute("SELECT seq, body FROM entry WHERE body IS NOT NULL ORDER BY seq")
    number, (holder, body) = 0, next(beside, (0, b""))
    altered = {mark for mark, stored in connection.execute("SELECT mark, packed FROM body") if not _fits(mark, stored)}
    try:
        for number, text in _held(connection, checkpoints):
            if number == holder:
                digest = _digest(body)
                # quotes that stand inside of a text are escaped, so only the entry's own word of a body reads so
                if digest is None or f'"sha256":"{digest.hex()}"' not in text:
                    return Fault("body", number)
                holder, body = next(beside, (0, b""))
            if altered and _mark_in(text) in altered:
                return Fault("body", number)
    except _Faulty as found:
        return found.fault
    return number


class _Faulty(Exception):
    """The chain does not hold."""

    def __init__(self, what: str, seq: int) -> None:
        self.fault = Fault(what, seq)
        super().__init__(str(self.fault))


def _held(connection: sqlite3.Connection, checkpoints: Mapping[int, bytes]) -> Iterator[tuple[int, str]]:
    """Every entry whose link holds: its number and its content.

    Raises:
        _Faulty: at the first one that does not.
    """
    known = dict(checkpoints)
    last, previous = anchor(connection)
    if known.pop(last, previous) != previous:
        raise _Faulty("fork", last)
    known = {count: head for count, head in known.items() if count > last}
    expected = last + 1
    for row, stored in rows(connection):
        if row[0] != expected:
            raise _Faulty("gap", expected)
        try:
            text = said(row[-1])
            computed = link(previous, (*row[:-1], text))
        except (Unpackable, UnicodeDecodeError, TypeError):  # no column of ours is of another type
            raise _Faulty("altered", expected) from None
        if computed != stored:
            raise _Faulty("altered", expected)
        if known.pop(expected, computed) != computed:
            raise _Faulty("fork", expected)
        yield expected, text
        previous, expected = computed, expected + 1
    if known and max(known) >= expected:
        raise _Faulty("truncated", expected)


def _mark_in(text: str) -> int | None:
    """Of the body that an entry names."""
    digest = (json.loads(text).get("body") or {}).get("sha256")
    return mark_of(bytes.fromhex(digest)) if digest else None


def _fits(mark: int, stored: bytes) -> bool:
    digest = _digest(stored)
    return digest is not None and mark_of(digest) == mark


def _digest(stored: bytes) -> bytes | None:
    """Of a packed body; ``None``: it is none."""
    try:
        return hashlib.sha256(pack.unpack(stored)).digest()
    except Unpackable:
        return None


def rows(connection: sqlite3.Connection) -> Iterator[tuple[tuple[Any, ...], bytes]]:
    """Every entry that is left (the columns of ``COLUMNS``, as they are stored) with its link, in order."""
    for row in connection.execute(f"SELECT {COLUMNS}, link FROM entry ORDER BY seq"):  # noqa: S608 - a constant
        yield row[:-1], row[-1]
