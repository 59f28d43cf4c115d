"""Campaigns: many posts from one file, each row judged with all its problems at once."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.network import Media, Network, Part, Problem
from jobs.posting.media import MediaError, inspect
from jobs.posting.when import When, WhenError, parse_when

COLUMNS = ("id", "to", "at", "text", "image", "alt", "thread")
OVERRIDE = "text:"  #: a column such as ``text:x`` holds the text for that provider alone
REQUIRED = frozenset({"to", "at", "text"})
YES = frozenset({"yes", "true", "1", "y", "thread"})
NO = frozenset({"", "no", "false", "0", "n"})
GAP = timedelta(minutes=1)
_DIVIDER = re.compile(r"^[ \t]*---[ \t]*$", re.MULTILINE)


class CampaignError(ValueError):
    """A file that can't be read as a campaign; one sentence that says where."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was written. ``number`` is its line in a CSV file, its place in a JSON list."""

    number: int
    to: tuple[str, ...]
    at: str
    text: str
    image: str = ""
    alt: str = ""
    thread: str = ""
    id: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)  #: by provider, in place of ``text``


@dataclass(frozen=True, slots=True)
class Earlier:
    """A post that was planned before."""

    id: str
    account: str
    identity: str
    at: datetime
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A row on one account. ``identity`` is the same when the same row is imported again."""

    account: str
    parts: tuple[Part, ...]
    identity: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row, and everything that there is to say about it."""

    row: Row
    when: When | None
    deliveries: tuple[Planned, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether it can be planned; warnings do not stand in the way."""
        return all(problem.warning for problem in self.problems)


@dataclass(frozen=True)
class Rules:
    """What rows are judged against.

    Attributes:
        base: Where relative paths of pictures begin.
        now: The present (UTC).
        zone: The zone of times that name none.
        networks: The connected accounts.
        mute: Those of them that may not write.
        earlier: What was planned or published lately.
        late: How far back a time may lie.
    """

    base: Path
    now: datetime
    zone: str
    networks: Mapping[str, Network]
    mute: frozenset[str] = frozenset()
    earlier: Sequence[Earlier] = ()
    late: timedelta = timedelta(hours=1)
    media: dict[tuple[str, str], Media | MediaError] = field(default_factory=dict)


def read(path: Path) -> list[Row]:
    """Read a campaign file, CSV or JSON by its name.

    Raises:
        CampaignError: it can't be read, or has columns that mean nothing.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CampaignError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CampaignError(f"{path} is not UTF-8 text (line {line}); save it as UTF-8") from None
    return _json(path, content) if path.suffix.lower() == ".json" else _csv(path, content)


def _columns(path: Path, found: Collection[str], line: int) -> None:
    if unknown := sorted(name for name in set(found) - set(COLUMNS) if not name.startswith(OVERRIDE)):
        known = ", ".join(COLUMNS)
        raise CampaignError(
            f"{path}, line {line}: unknown column {unknown[0]!r}; there are {known} and {OVERRIDE}PROVIDER"
        )
    if missing := sorted(REQUIRED - set(found)):
        raise CampaignError(f"{path}, line {line}: the column {missing[0]!r} is missing")


def _csv(path: Path, content: str) -> list[Row]:
    csv.field_size_limit(10_000_000)
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    rows: list[Row] = []
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        if not head:
            raise CampaignError(f"{path} is empty; its first line names the columns {', '.join(COLUMNS)}")
        _columns(path, head, 1)
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) > len(head):
                raise CampaignError(f"{path}, line {line}: {len(cells)} values for {len(head)} columns")
            if any(cell.strip() for cell in cells):
                rows.append(_row(line, dict(zip(head, cells, strict=False))))
            line = reader.line_num + 1
    except csv.Error as error:
        raise CampaignError(f"{path}, line {reader.line_num}: {error}") from None
    return rows


def _json(path: Path, content: str) -> list[Row]:
    try:
        items = json.loads(content)
    except ValueError as error:
        raise CampaignError(f"{path} is not JSON: {error}") from None
    if not isinstance(items, list):
        raise CampaignError(f"{path} must hold a list of posts")
    rows: list[Row] = []
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise CampaignError(f"{path}, post {number}: must be an object")
        _columns(path, set(item) | (REQUIRED if "to" in item else set()), number)
        rows.append(_row(number, item))
    return rows


def _row(number: int, cells: Mapping[str, Any]) -> Row:
    to = cells.get("to") or ""
    names = map(str, to) if isinstance(to, list) else filter(None, re.split(r"[\s,;]+", str(to)))
    said = {name: str(cells.get(name) or "").strip() for name in ("at", "image", "alt", "thread", "id")}
    texts = {
        name.removeprefix(OVERRIDE): written
        for name, cell in cells.items()
        if name.startswith(OVERRIDE) and (written := _written(cell))
    }
    return Row(number, tuple(names), text=_written(cells.get("text")), texts=texts, **said)


def _written(cell: Any) -> str:
    return str(cell or "").replace("\r\n", "\n").strip()


def judge(rows: Sequence[Row], rules: Rules) -> list[Verdict]:
    """Say of every row what would be planned, and everything that is wrong with it."""
    seen: Counter[str] = Counter()
    verdicts = [_judge(row, rules, seen) for row in rows]
    return _compared(verdicts, rules)


def _judge(row: Row, rules: Rules, seen: Counter[str]) -> Verdict:
    problems: list[Problem] = []
    when = _when(row, rules, problems)
    media = _media(row, rules, problems)
    if row.text or not row.texts:
        divide(row.text, row.thread, media, problems)  # what is wrong with it shows whatever the accounts are
    if unused := sorted(set(row.texts) - {name.partition("/")[0] for name in row.to}):
        problems.append(Problem(f"{OVERRIDE}{unused[0]}", f"it goes to no account of {unused[0]}", warning=True))
    if not row.to:
        problems.append(Problem("to", "it says no account; write one such as x/brand"))
    problems += [
        Problem("to", f"{name} is named twice; name it once") for name, count in Counter(row.to).items() if count > 1
    ]
    planned: list[Planned] = []
    for account in dict.fromkeys(row.to):
        network = rules.networks.get(account)
        if network is None:
            hint = f"{account} is not connected; connect it with `automator accounts add {account}`"
            problems.append(Problem("to", hint))
            continue
        if account in rules.mute:
            hint = f"{account} may not write; allow it with `automator accounts change {account} --scope write ...`"
            problems.append(Problem("to", hint))
        text = row.texts.get(account.partition("/")[0], row.text)
        parts = divide(text, row.thread, media, problems)
        found = network.check(parts)
        problems += [Problem(item.field, f"{account}: {item.what}", item.warning) for item in found]
        planned.append(Planned(account, parts, _identity(row, account, when, parts, seen)))
    if not any(name in rules.networks for name in row.to) and not row.text and not row.image:
        problems.append(Problem("text", "there is nothing to post; write a text or add a picture"))
    return Verdict(row, when, tuple(planned), tuple(dict.fromkeys(problems)))


def _when(row: Row, rules: Rules, problems: list[Problem]) -> When | None:
    if not row.at:
        problems.append(Problem("at", "it says no time"))
        return None
    try:
        when = parse_when(row.at, now=rules.now, zone=rules.zone)
    except WhenError as error:
        problems.append(Problem("at", str(error)))
        return None
    if when.at < rules.now - rules.late:
        problems.append(Problem("at", f"{row.at} lies in the past"))
    return when


def _media(row: Row, rules: Rules, problems: list[Problem]) -> tuple[Media, ...]:
    if not row.image:
        if row.alt:
            problems.append(Problem("alt", "there is a text for a picture, but no picture", warning=True))
        return ()
    key = (row.image, row.alt)
    if key not in rules.media:
        try:
            rules.media[key] = inspect(rules.base / row.image, row.alt)
        except MediaError as error:
            rules.media[key] = error
    found = rules.media[key]
    if isinstance(found, MediaError):
        problems.append(Problem("image", str(found)))
        return ()
    return (found,)


def divide(text: str, thread: str, media: tuple[Media, ...], problems: list[Problem]) -> tuple[Part, ...]:
    """The parts of a text: one, or with ``thread`` (yes) those between lines of ``---``; pictures go with the first."""
    flag = thread.lower()
    if flag not in YES | NO:
        problems.append(Problem("thread", f"{thread!r} is neither yes nor no"))
    divided = _DIVIDER.search(text) is not None
    if flag in YES:
        texts = [part.strip() for part in _DIVIDER.split(text)]
        if not divided:
            problems.append(Problem("thread", "it is called a thread, but no line --- divides it", warning=True))
        return tuple(Part(part, media if number == 0 else ()) for number, part in enumerate(texts))
    if divided:
        problems.append(Problem("thread", "a line --- divides it, but it is not called a thread", warning=True))
    return (Part(text, media),)


def _identity(row: Row, account: str, when: When | None, parts: tuple[Part, ...], seen: Counter[str]) -> str:
    if row.id:
        what = ["id", row.id, account]
    else:
        content = [[part.text, [medium.sha256 for medium in part.media]] for part in parts]
        what = ["row", account, when.at.isoformat() if when else "", content]  # type: ignore[list-item]
    plain = json.dumps(what, ensure_ascii=False)
    seen[plain] += 1
    return hashlib.sha256(f"{plain}#{0 if row.id else seen[plain]}".encode()).hexdigest()


def _compared(verdicts: list[Verdict], rules: Rules) -> list[Verdict]:
    """Add what shows only when rows are laid side by side."""
    recent = {(item.account, item.parts[0].text) for item in rules.earlier}
    times: dict[str, list[tuple[datetime, int]]] = {}
    first: dict[tuple[str, str], int] = {}
    judged: list[Verdict] = []
    for verdict in verdicts:
        extra: list[Problem] = []
        for planned in verdict.deliveries:
            text = planned.parts[0].text
            key = (planned.account, text)
            extra += _similar(verdict, planned, rules)
            if text and key in recent:
                extra.append(Problem("text", f"{planned.account} has this text already, lately", warning=True))
            elif text and key in first:
                extra.append(Problem("text", f"{planned.account} has this text in row {first[key]} too", warning=True))
            first.setdefault(key, verdict.row.number)
            near = times.setdefault(planned.account, [])
            if verdict.when is not None:
                at = verdict.when.at
                close = next((number for other, number in near if abs(other - at) < GAP), None)
                if close is not None:
                    what = f"{planned.account} posts row {close} within the same minute"
                    extra.append(Problem("at", what, warning=True))
                near.append((at, verdict.row.number))
        judged.append(Verdict(verdict.row, verdict.when, verdict.deliveries, (*verdict.problems, *extra)))
    return judged


def _similar(verdict: Verdict, planned: Planned, rules: Rules) -> list[Problem]:
    """A row that was edited after it was imported: what was planned stays, and a person is told how to change it."""
    at = verdict.when.at if verdict.when else None
    hint = "change that one with `automator posts edit {id}`, if this row was edited"
    for item in rules.earlier:
        same = (item.at, item.parts) == (at, planned.parts)
        if item.identity == planned.identity and not same:
            told = f"{planned.account} has this row already, with another text or time, which stays; "
            return [Problem("id", told + hint.format(id=item.id[:8]), warning=True)]
        if (item.account, item.at) == (planned.account, at) and item.identity != planned.identity and not same:
            told = f"{planned.account} has another post planned at this time; "
            return [Problem("at", told + hint.format(id=item.id[:8]), warning=True)]
    return []
