"""One recorded call as a person sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automator.cli.callview import lines
from automator.cli.lines import visible
from automator.ledger.query import RecordedCall

AT = datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)
REQUEST = {
    "method": "POST",
    "url": "https://api.x.com/2/tweets",
    "headers": [["content-type", "application/json"]],
    "body": {"sha256": "ab" * 32, "size": 16},
    "effect": "once",
    "intention": "7941c2e6/0/0",
    "attempt": 2,
    "cause": {"delivery": "7941c2e6", "run": "1"},
    "actor": "scheduler",
    "key": 3,
    "cost": {"credit": 15},
}
ANSWER = {"status": 201, "headers": [["x-limit", "99"]], "body": {"sha256": "cd" * 32, "size": 6}, "reason": ""}


def shown(
    answer: dict[str, Any] | None = ANSWER, sent: bytes | None = b'{"text":"hello"}', came: bytes | None = b"created"
) -> str:
    after = AT + timedelta(milliseconds=120) if answer else None
    call = RecordedCall(44, AT, "x/brand", "x.post.create", "ok", REQUEST, answer, after, 45 if answer else None)
    return "\n".join(lines(call, sent, came))


def test_it_reads_as_what_left_and_what_came_back() -> None:
    """Why and by whom, then both messages as they were, with how long the answer took."""
    assert (
        shown()
        == """\
call 44  2026-03-01 09:00:00.250000Z  x/brand  x.post.create  ok
for        delivery 7941c2e6, run 1, by scheduler
intention  7941c2e6/0/0, attempt 2
effect     once
key        version 3
cost       credit 15

POST https://api.x.com/2/tweets
content-type: application/json

{"text":"hello"}

201 after 0.120 s
x-limit: 99

created"""
    )


def test_an_answer_that_never_came_is_said() -> None:
    """A call on its way, or one whose process died, has none; one that was lost has its reason."""
    assert shown(None).endswith("\n\nno answer is stored")
    lost = {"status": None, "headers": [], "body": {}, "reason": "the connection dropped"}
    assert shown(lost).endswith("no answer after 0.120 s: the connection dropped")


@pytest.mark.parametrize(
    ("said", "came", "words"),
    [
        ({"sha256": "cd" * 32, "size": 1}, None, f"(1 byte, sha256 {'cd' * 32}; it is not kept, or not any more)"),
        (
            {"sha256": "cd" * 32, "size": 9, "streamed": True},
            None,
            f"(9 bytes, sha256 {'cd' * 32}; it passed without being held)",
        ),
        ({"streamed": True}, None, "(of unknown size; it passed without being held)"),
        ({"sha256": "cd" * 32, "size": 4}, b"\xff\xd8\xff\xe0", f"(4 bytes, sha256 {'cd' * 32}; no text)"),
        ({"sha256": "cd" * 32, "size": 9}, "ä\u20ac\n".encode(), "ä€\n"),
    ],
)
def test_a_body_that_can_not_be_shown_is_named(said: dict[str, Any], came: bytes | None, words: str) -> None:
    """What is not kept or is no text is told by its size and digest."""
    assert shown(ANSWER | {"body": said}, came=came).endswith(f"x-limit: 99\n\n{words}")


def test_a_streamed_upload_has_its_size() -> None:
    """It is known once all has passed, and stands with the answer."""
    sent = {"sha256": "ef" * 32, "size": 5_000, "streamed": True}
    assert "(5000 bytes, sha256 efef" in shown(ANSWER | {"sent": sent}, sent=None)


def test_what_people_write_stays_as_it_is() -> None:
    """A family of emoji, a space that does not break, a mark of a language that runs from right to left."""
    for written in ("\U0001f469\u200d\U0001f467 \u2764\ufe0f", "10\u00a0000", "\u200f\u05d0\u200c\u0628", "a\n\tb"):
        assert visible(written) == written


def test_nothing_of_a_call_moves_the_terminal() -> None:
    """A page that was fetched may hold escapes that rename a window or rewrite what stands above."""
    came = "\x1b]0;owned\x07\x1b[2J\x9b1A\u202egnp.exe\ttab\r\n"
    assert visible(came) == "\\x1b]0;owned\\x07\\x1b[2J\\x9b1A\\u202egnp.exe\ttab\\r\n"
    assert visible("\u2067a\u2069") == "\\u2067a\\u2069"
    assert "\x1b" not in shown(ANSWER | {"reason": "\x1b[2J", "headers": [["a", "\x1b[2J"]]}, came=came.encode())
