"""The requests that were recorded, as they left but for the keys."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from automator.ledger.chain import read_body


def requests(reader: sqlite3.Connection) -> Iterator[tuple[str, str, str, bytes]]:
    """Operation, method, path with query, and body of every recorded call, in order."""
    rows = "SELECT seq, operation, said(data) FROM entry WHERE kind = 'call' ORDER BY seq"
    for seq, operation, data in reader.execute(rows):
        call: dict[str, Any] = json.loads(data)
        body = read_body(reader, seq, call["body"])
        yield operation, call["method"], "/" + call["url"].split("/", 3)[3], body or b""
