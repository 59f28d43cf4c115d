"""What is exported as HAR has every part that the format asks for (HAR 1.2, W3C draft of 2012-08-14)."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path

from automator.db import connect
from automator.ledger import chain
from automator.ledger.export import export
from automator.schema import create

ENTRY = {"startedDateTime", "time", "request", "response", "cache", "timings"}
REQUEST = {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"}
RESPONSE = {
    "status",
    "statusText",
    "httpVersion",
    "cookies",
    "headers",
    "content",
    "redirectURL",
    "headersSize",
    "bodySize",
}


def test_every_entry_is_whole(tmp_path: Path) -> None:
    """Also of a call whose answer is open; a parameter without a value stays one."""
    create(tmp_path / "a.db")
    ledger = connect(tmp_path / "a.db")
    who = {"account": "x/brand", "operation": "x.post.create"}
    body = chain.pack_body(b"{}")
    asked = {
        "method": "POST",
        "url": "https://x.example/p?a=1&b=",
        "headers": [["content-type", "application/json"]],
        "body": body.says,
    }
    for outcome in ("ok", None):
        number = chain.append(ledger, "call", 1_000_000, asked, body=body, **who)
        if outcome:
            chain.append(ledger, "answer", 1_500_000, {"status": 201}, call=number, outcome=outcome, **who)
    export(ledger, tmp_path / "a.har", "har")
    ledger.close()
    log = json.loads((tmp_path / "a.har").read_text())["log"]
    assert log["version"] == "1.2"
    assert log["creator"].keys() >= {"name", "version"}
    for entry in log["entries"]:
        assert entry.keys() >= ENTRY
        assert entry["request"].keys() >= REQUEST
        assert entry["response"].keys() >= RESPONSE
        assert {"size", "mimeType"} <= entry["response"]["content"].keys()
        assert entry["timings"].keys() >= {"send", "wait", "receive"}
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        assert entry["time"] == sum(entry["timings"].values())
        assert entry["request"]["queryString"] == [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]
        assert entry["request"]["postData"] == {"mimeType": "application/json", "text": "{}"}
    assert [entry["response"]["status"] for entry in log["entries"]] == [201, 0]


def test_a_request_that_is_no_text_says_so(tmp_path: Path) -> None:
    """Whoever reads the file must not take its base64 for what was sent; an answer has a field for that."""
    create(tmp_path / "a.db")
    ledger = connect(tmp_path / "a.db")
    who = {"account": "x/brand", "operation": "x.media.append"}
    body = chain.pack_body(b"\x89PNG\xff")
    asked = {"method": "POST", "url": "https://x.example/media", "headers": [], "body": body.says}
    number = chain.append(ledger, "call", 1, asked, body=body, **who)
    chain.append(ledger, "answer", 2, {"status": 200, "body": body.says}, call=number, outcome="ok", body=body, **who)
    export(ledger, tmp_path / "a.har", "har")
    ledger.close()
    (entry,) = json.loads((tmp_path / "a.har").read_text())["log"]["entries"]
    sent, received = entry["request"]["postData"], entry["response"]["content"]
    assert base64.b64decode(sent["text"]) == base64.b64decode(received["text"]) == b"\x89PNG\xff"
    assert "base64" in sent["comment"]
    assert received["encoding"] == "base64"
