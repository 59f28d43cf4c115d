"""Campaign files: rows as they are written, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.words import counted

OVERRIDE = "text:"  #: a column such as ``text:x`` holds the text for that provider alone
REQUIRED = frozenset({"to", "at", "text"})
BAR = "|"  #: between several files or texts in one cell; within one it is written ``\|``
LARGEST = 200_000_000  #: bytes of a file
SHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  #: how the files of spreadsheets begin, new and old
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  #: its byte order marks, with which Excel saves "Unicode text"
LISTS = frozenset({"to", "image", "alt", "collaborators", "tags"})  #: that JSON may hold as lists
FLAGS = frozenset({"thread", "fit"})  #: that JSON may hold as true
_DIVIDERS = ",;\t"
_SEP = re.compile(r'"?sep=([,;\t])"?', re.IGNORECASE)
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
    """Read a campaign file, CSV or JSON by its name; CSV may be divided by semicolons or tabs, as Excel writes it.

    Raises:
        CampaignError: it can't be read, or has columns that mean nothing.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise CampaignError(f"{path} can't be read: {error.strerror}") from None
    text = _text(path, content)
    return _json(path, text) if path.suffix.lower() == ".json" else _csv(path, text)


def _text(path: Path, content: bytes) -> str:
    if len(content) > LARGEST:
        raise CampaignError(f"{path} has more than {LARGEST // 1_000_000} MB; divide it")
    if content.startswith(SHEETS):
        raise CampaignError(f"{path} is a spreadsheet; save it as CSV in UTF-8")
    try:
        text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CampaignError(f"{path} is not UTF-8 text (line {line}); save it as UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise CampaignError(f"{path} is no text (line {line} has a zero byte); save it as UTF-8")
    return text


def _columns(path: Path, found: Sequence[str], number: int, place: str = "line") -> None:
    where, names = f"{path}, {place} {number}", {name for name in found if name}
    if unknown := sorted(name for name in names - set(COLUMNS) if not name.startswith(OVERRIDE)):
        known = ", ".join(COLUMNS)
        raise CampaignError(f"{where}: unknown column {unknown[0]!r}; there are {known} and {OVERRIDE}PROVIDER")
    if missing := sorted(REQUIRED - names):
        raise CampaignError(f"{where}: the column {missing[0]!r} is missing")
    if twice := next((name for name in found if name and found.count(name) > 1), None):
        raise CampaignError(f"{where}: the column {twice!r} is there twice")


def _csv(path: Path, content: str) -> list[Row]:
    csv.field_size_limit(10_000_000)
    skipped, divider = _head(content)
    reader = csv.reader(io.StringIO(content, newline=""), strict=True, delimiter=divider)
    rows: list[Row] = []
    line = 1
    try:
        for _ in range(skipped):
            next(reader)
        head = [name.strip().lower() for name in next(reader, [])]
        if not any(head):
            raise CampaignError(f"{path} is empty; its first line names the columns {', '.join(COLUMNS)}")
        _columns(path, head, reader.line_num)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_row(line, _named(path, line, head, cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        open_ = "unexpected end" in str(error)
        what = "a quote that begins here is never closed" if open_ else str(error)
        raise CampaignError(f"{path}, line {line if open_ else reader.line_num}: {what}") from None
    return rows


def _head(content: str) -> tuple[int, str]:
    """How many lines stand before that of the columns, and what divides these: Excel's choice differs by country."""
    for skipped, line in enumerate(io.StringIO(content, newline=None)):
        if said := _SEP.fullmatch(line.strip()):
            return skipped + 1, said[1]
        if line.strip(_DIVIDERS + " \n"):
            return skipped, max(_DIVIDERS, key=line.count)
    return 0, ","


def _named(path: Path, line: int, head: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """A line's values by column; a spreadsheet may add empty ones at its end."""
    if any(cell.strip() for cell in cells[len(head) :]):
        found = f"{counted(len(cells), 'value')} for {counted(len(head), 'column')}"
        raise CampaignError(f"{path}, line {line}: {found}; a text with a comma stands in quotes")
    by_name = dict(zip(head, cells, strict=False))
    if any(cell.strip() for name, cell in zip(head, cells, strict=False) if not name):
        raise CampaignError(f"{path}, line {line}: a value stands in a column without a name")
    return by_name


def _json(path: Path, content: str) -> list[Row]:
    try:
        items = json.loads(content, object_pairs_hook=_Object)
    except RecursionError:
        raise CampaignError(f"{path} is not a list of posts: too much stands within one another") from None
    except ValueError as error:
        raise CampaignError(f"{path} is not JSON: {error}") from None
    if not isinstance(items, list):
        raise CampaignError(f"{path} must hold a list of posts")
    rows: list[Row] = []
    for number, item in enumerate(items, 1):
        if not isinstance(item, _Object):
            raise CampaignError(f"{path}, post {number}: must be an object")
        names = [name.strip().lower() for name, _ in item.pairs]
        _columns(path, names + ([] if "to" not in names else sorted(REQUIRED - set(names))), number, "post")
        cells = {name: value for name, (_, value) in zip(names, item.pairs, strict=True)}
        if wrong := next((name for name, value in cells.items() if not _plain(name, value)), None):
            raise CampaignError(f"{path}, post {number}: {wrong!r} must be a text")
        rows.append(_row(number, cells))
    return rows


class _Object:
    """A JSON object as it was written, where a name may stand twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _plain(name: str, value: Any) -> bool:
    if isinstance(value, list) and name in LISTS:
        return all(_plain("", one) for one in value)
    if isinstance(value, bool):
        return not value or name in FLAGS
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


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
    return "" if cell is None or cell is False else str(cell).replace("\r\n", "\n").replace("\r", "\n").strip()
