"""Check a whole export (``calls export --format jsonl``) with the standard library alone.

Copy this file anywhere and run ``python verify_export.py calls.jsonl``: it recomputes every link of the chain,
compares the file and the last link with the manifest beside it, and what a line says for people with the entries that
are linked. Exit code 0: nothing was altered or left out.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - also for an older Python


def _when(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).isoformat()


def _of_call(row: list[Any]) -> dict[str, Any]:
    number, _, at, _, account, operation, _, data = row
    return {"number": number, "at": _when(at), "account": account, "operation": operation, "request": json.loads(data)}


def _of_answer(row: list[Any] | None) -> dict[str, Any]:
    if row is None:
        return {"outcome": "open", "answer": None, "answered_at": None}
    return {"outcome": row[6], "answer": json.loads(row[7]), "answered_at": _when(row[2])}


def _misread(line: dict[str, Any], told: dict[int, dict[str, Any]]) -> str:
    row = line["entry"]
    number, kind, answered = row[0], row[1], row[3]
    said = {name: value for name, value in line.items() if name not in {"entry", "link"}}
    if kind == "call":
        told[number] = {name: said.pop(name) for name in ("outcome", "answer", "answered_at")}
    if said != (_of_call(row) if kind == "call" else {}):
        return f"what is said of call {number} was altered: its entry says otherwise"
    if kind == "answer" and told.pop(answered, _of_answer(row)) != _of_answer(row):
        return f"what is said of call {answered} was altered: entry {number} says otherwise"
    return ""


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def fault(path: Path) -> str:
    """What is wrong with the export, in one sentence; empty if nothing is."""
    manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text(encoding="utf-8"))
    if any(manifest["filter"].values()) or manifest["format"] != "jsonl":
        return "only a JSONL export without a filter holds the whole chain"
    if _digest(path) != manifest["sha256"]:
        return "the file is not the one that the manifest names"
    (number, link), calls = manifest["start"], 0
    told: dict[int, dict[str, Any]] = {}  # what lines say of calls whose answers have not been come by
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            row = found["entry"]
            if row[0] != number + 1:
                return f"entry {number + 1} is missing"
            content = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()
            link = hashlib.sha256(bytes.fromhex(link) + content).hexdigest()
            if link != found["link"]:
                return f"entry {row[0]} was altered"
            number = row[0]
            calls += row[1] == "call"
            if wrong := _misread(found, told):
                return wrong
    if [number, link] != manifest["head"]:
        return f"entries after {number} are missing"
    if answered := [call for call, said in told.items() if said != _of_answer(None)]:
        return f"what is said of call {answered[0]} was altered: it has no answer"
    return "" if calls == manifest["calls"] else f"there are {calls} calls, and the manifest speaks of others"


def main() -> int:
    """Check the file that the command line names."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and one file
        sys.stderr.write("usage: python verify_export.py calls.jsonl\n")
        return 2
    try:
        wrong = fault(Path(sys.argv[1]))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        wrong = f"it can't be read as an export ({error})"
    (sys.stderr if wrong else sys.stdout).write(f"{wrong or 'every entry is there, and none was altered'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
