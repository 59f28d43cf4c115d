"""Exports of calls: JSONL, CSV, and HAR 1.2 (opens in a browser's developer tools), each with a manifest."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qsl, urlsplit

from automator.ledger import chain
from automator.ledger.query import RecordedCall, newest

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
    """What an export holds: the filter, how many calls, the ledger's head, and the file's digest."""

    format: str
    account: str | None
    outcome: str | None
    calls: int
    head_number: int
    head: str
    sha256: str


def export(
    connection: sqlite3.Connection, path: Path, kind: str, *, account: str | None = None, outcome: str | None = None
) -> Manifest:
    """Write the calls, oldest first, to ``path``, and the manifest to ``path`` with ``.manifest.json`` added."""
    calls = list(reversed(newest(connection, account=account, outcome=outcome, limit=-1)))
    number, head = chain.head(connection)
    with path.open("w", encoding="utf-8", newline="") as out:
        {"jsonl": _jsonl, "csv": _csv, "har": _har}[kind](connection, calls, out)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = Manifest(kind, account, outcome, len(calls), number, head.hex(), digest)
    content = {name: getattr(manifest, name) for name in Manifest.__slots__}
    path.with_name(f"{path.name}.manifest.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return manifest


def _jsonl(_: sqlite3.Connection, calls: Iterable[RecordedCall], out: TextIO) -> None:
    out.writelines(json.dumps(call.as_json(), ensure_ascii=False) + "\n" for call in calls)


def _csv(_: sqlite3.Connection, calls: Iterable[RecordedCall], out: TextIO) -> None:
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


def _har(connection: sqlite3.Connection, calls: Iterable[RecordedCall], out: TextIO) -> None:
    entries = list(_entries(connection, calls))
    creator = {"name": "automator", "version": version("automator")}
    json.dump({"log": {"version": "1.2", "creator": creator, "entries": entries}}, out, ensure_ascii=False)


def _entries(connection: sqlite3.Connection, calls: Iterable[RecordedCall]) -> Iterator[dict[str, Any]]:
    for call in calls:
        answer = call.answer or {}
        took = (call.answered_at - call.at).total_seconds() * 1000 if call.answered_at else 0.0
        request, url = call.request, str(call.request.get("url", ""))
        sent = {
            "method": request.get("method", ""),
            "url": url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _headers(request),
            "queryString": [{"name": name, "value": value} for name, value in parse_qsl(urlsplit(url).query)],
            "headersSize": -1,
            "bodySize": _size(request),
        }
        if (text := _content(connection, request)).get("text"):
            sent["postData"] = {"mimeType": _mime(request), "text": text["text"]}
        received = {
            "status": answer.get("status") or 0,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _headers(answer),
            "content": {"size": _size(answer), "mimeType": _mime(answer), **_content(connection, answer)},
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


def _content(connection: sqlite3.Connection, side: dict[str, Any]) -> dict[str, str]:
    digest = (side.get("body") or {}).get("sha256")
    kept = chain.read_body(connection, bytes.fromhex(digest)) if digest else None
    if kept is None:
        return {}
    try:
        return {"text": kept.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(kept).decode(), "encoding": "base64"}
