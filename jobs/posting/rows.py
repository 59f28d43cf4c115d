"""Campaign files: rows as they are written, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.words import counted

OVERRIDE = "text:"  #: a column such as ``text:x`` holds the text for that provider alone
REQUIRED = frozenset({"to", "at", "text"})
BAR = "|"  #: between several files or texts in one cell; within one it is written ``\|``
_BAR = re.compile(r"(?<!\\)\|")
_SAID = ("at", "image", "alt", "video", "thread", "form", "collaborators", "tags", "fit", "id")
COLUMNS = (
    "id",
    "to",
    "at",
    "text",
    "image",
    "alt",
    "thread",
    "video",
    "form",
    "comment",
    "collaborators",
    "tags",
    "fit",
)


class CampaignError(ValueError):
    """A file that can't be read as a campaign; one sentence that says where."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was written. ``number`` is its line in a CSV file, its place in a JSON list."""

    number: int
    to: tuple[str, ...]
    at: str
    text: str
    image: str = ""  #: several are divided by ``BAR``
    alt: str = ""  #: one for each picture and then the video, in order, divided as they are
    thread: str = ""
    id: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)  #: by provider, in place of ``text``
    video: str = ""
    form: str = ""  #: ``post``, ``reel`` or ``story``
    comment: str = ""  #: the text of a first comment
    collaborators: str = ""
    tags: str = ""  #: ``NAME@X,Y`` for each picture, divided as they are
    fit: str = ""  #: yes: pictures that are too large are published as smaller copies


def joined(items: Sequence[str]) -> str:
    """Several values in one cell."""
    return BAR.join(item.replace(BAR, rf"\{BAR}") for item in items)


def alt_cell(alts: Sequence[str], files: int) -> str:
    """Texts for files in one cell; the one of an only file stands as it is."""
    return alts[0] if files == len(alts) == 1 else joined(alts)


def divided(cell: str) -> list[str]:
    """The values in one cell, in order."""
    return [item.replace(rf"\{BAR}", BAR).strip() for item in _BAR.split(cell)] if cell else []


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
                raise CampaignError(
                    f"{path}, line {line}: {counted(len(cells), 'value')} for {counted(len(head), 'column')}"
                )
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
    said = {name: _cell(cells.get(name)) for name in _SAID}
    if isinstance(alts := cells.get("alt"), list):
        said["alt"] = alt_cell([str(alt) for alt in alts], len(divided(said["image"])) + bool(said["video"]))
    texts = {
        name.removeprefix(OVERRIDE): written
        for name, cell in cells.items()
        if name.startswith(OVERRIDE) and (written := _written(cell))
    }
    text, comment = _written(cells.get("text")), _written(cells.get("comment"))
    return Row(number, tuple(names), text=text, texts=texts, comment=comment, **said)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return joined([str(item) for item in value])
    return str(value or "").strip()


def _written(cell: Any) -> str:
    return str(cell or "").replace("\r\n", "\n").strip()
