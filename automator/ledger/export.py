"""Exports of calls: JSONL, CSV, and HAR 1.2 (opens in a browser's developer tools), each with a manifest."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qsl, urlsplit

from automator.ledger import chain
from automator.ledger.query import Filter, RecordedCall, oldest
from automator.outfile import place, replaced

FORMATS = ("jsonl", "csv", "har")
COLUMNS = (
    "number",
    "at",
    "account",
    "operation",
    "outcome",
    "method",
    "url",
    "status",
    "answered_at",
    "reason",
    "actor",
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds.

    Attributes:
        format: ``jsonl``, ``csv`` or ``har``.
        filter: What it was asked for; all values empty: the whole ledger.
        calls: How many.
        start: The number of the last entry before the first that the ledger still has, and its link (hex).
        head: The number of the ledger's newest entry, and its link (hex).
        sha256: The file's digest; empty for what went down a pipe.
    """

    format: str
    filter: dict[str, str | None]
    calls: int
    start: tuple[int, str]
    head: tuple[int, str]
    sha256: str


def export(connection: sqlite3.Connection, path: Path, kind: str, wanted: Filter = Filter()) -> Manifest:  # noqa: B008 - it is frozen
    """Write the calls, oldest first, to ``path``, and the manifest to ``path`` with ``.manifest.json`` added.

    JSONL without a filter holds every entry of the ledger as it is linked, so that ``verify_export`` can recompute it.
    What goes down a pipe has no file beside it, and its manifest no digest.

    Raises:
        OSError: it can't be written; what was there is as it was.
    """
    path = place(path)
    with chain.one_state(connection):
        (before, start), (number, head) = chain.anchor(connection), chain.head(connection)
        with replaced(path) as out:
            write = {"jsonl": _jsonl, "csv": _csv, "har": _har}[kind]
            if kind == "jsonl" and wanted == Filter():
                write = _entries_too
            calls = Counted(oldest(connection, wanted))
            write(connection, calls, out)
    digest = _digest(path) if path.is_file() else ""
    manifest = Manifest(kind, wanted.as_json(), calls.number, (before, start.hex()), (number, head.hex()), digest)
    if digest:
        with replaced(path.with_name(f"{path.name}.manifest.json")) as out:
            out.write(json.dumps(asdict(manifest), indent=2) + "\n")
    return manifest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Counted(Iterator[RecordedCall]):
    """Calls that are counted as they are written: there may be more than memory holds."""

    def __init__(self, calls: Iterator[RecordedCall]) -> None:
        self._calls = calls
        self.number = 0

    def __next__(self) -> RecordedCall:
        call = next(self._calls)
        self.number += 1
        return call


def _jsonl(_: sqlite3.Connection, calls: Iterator[RecordedCall], out: TextIO) -> None:
    out.writelines(json.dumps(call.as_json(), ensure_ascii=False) + "\n" for call in calls)


def _entries_too(connection: sqlite3.Connection, calls: Iterator[RecordedCall], out: TextIO) -> None:
    for row, link in chain.rows(connection):
        said = next(calls).as_json() if row[1] == "call" else {}
        line = said | {"entry": [*row[:-1], chain.said(row[-1])], "link": link.hex()}
        out.write(json.dumps(line, ensure_ascii=False) + "\n")


def _csv(_: sqlite3.Connection, calls: Iterator[RecordedCall], out: TextIO) -> None:
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for call in calls:
        answer = call.answer or {}
        flat = call.as_json() | {
            "method": call.request.get("method"),
            "url": call.request.get("url"),
            "status": answer.get("status"),
            "reason": answer.get("reason"),
            "actor": call.request.get("actor"),
        }
        writer.writerow(_harmless(flat[name]) for name in COLUMNS)


def _harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


def _har(connection: sqlite3.Connection, calls: Iterator[RecordedCall], out: TextIO) -> None:
    creator = {"name": "automator", "version": version("automator")}
    out.write(f'{{"log": {{"version": "1.2", "creator": {json.dumps(creator)}, "entries": [')
    out.writelines(
        (",\n" if number else "\n") + json.dumps(entry, ensure_ascii=False)
        for number, entry in enumerate(_entries(connection, calls))
    )
    out.write("\n]}}\n")


def _entries(connection: sqlite3.Connection, calls: Iterator[RecordedCall]) -> Iterator[dict[str, Any]]:
    for call in calls:
        answer, answer_seq = call.answer or {}, call.answer_seq or 0
        took = (call.answered_at - call.at).total_seconds() * 1000 if call.answered_at else 0.0
        request, url = call.request, str(call.request.get("url", ""))
        sent = {
            "method": request.get("method", ""),
            "url": url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _headers(request),
            "queryString": [
                {"name": name, "value": value} for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)
            ],
            "headersSize": -1,
            "bodySize": _size({"body": answer.get("sent")} if "sent" in answer else request),
        }
        if said := _content(connection, call.seq, request):
            sent["postData"] = {"mimeType": _mime(request), "text": said["text"]}
            if "encoding" in said:  # which the format knows for answers alone
                sent["postData"]["comment"] = "the body is no text; this is it in base64"
        received = {
            "status": answer.get("status") or 0,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _headers(answer),
            "content": {"size": _size(answer), "mimeType": _mime(answer), **_content(connection, answer_seq, answer)},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": _size(answer),
        }
        yield {
            "startedDateTime": call.at.isoformat(),
            "time": took,
            "request": sent,
            "response": received,
            "cache": {},
            "timings": {"send": 0, "wait": took, "receive": 0},
            "comment": f"{call.account} {call.operation}: {call.outcome}",
        }


def _headers(side: dict[str, Any]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in side.get("headers") or []]


def _size(side: dict[str, Any]) -> int:
    return int((side.get("body") or {}).get("size", 0))


def _mime(side: dict[str, Any]) -> str:
    return next((value for name, value in side.get("headers") or [] if name.lower() == "content-type"), "")


def _content(connection: sqlite3.Connection, seq: int, side: dict[str, Any]) -> dict[str, str]:
    kept = chain.read_body(connection, seq, side.get("body"))
    if not kept:
        return {}
    try:
        return {"text": kept.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(kept).decode(), "encoding": "base64"}
