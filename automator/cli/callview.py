"""What one recorded call looks like to a person: why it was made, what left, and what came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from automator.cli.lines import visible
from automator.ledger.query import RecordedCall
from connectors.words import counted


def lines(call: RecordedCall, sent: bytes | None, came: bytes | None) -> Iterator[str]:
    """Line by line. ``sent`` and ``came`` are the bodies; ``None``: not kept."""
    request, answer = call.request, call.answer
    yield f"call {call.seq}  {call.at:%Y-%m-%d %H:%M:%S.%f}Z  {call.account}  {call.operation}  {call.outcome}"
    cause = ", ".join(f"{name} {value}" for name, value in (request.get("cause") or {}).items())
    yield _named("for", ", ".join(filter(None, (cause, f"by {request.get('actor')}"))))
    if request.get("intention"):
        yield _named("intention", f"{request['intention']}, attempt {request.get('attempt')}")
    yield _named("effect", str(request.get("effect")))
    yield _named("key", f"version {request['key']}" if request.get("key") else "one that was being tried, or none")
    if request.get("cost"):
        yield _named("cost", ", ".join(f"{name} {much}" for name, much in request["cost"].items()))
    yield ""
    yield visible(f"{request.get('method')} {request.get('url')}")
    yield from _message(request, ((answer or {}).get("sent") or request.get("body")), sent)
    yield ""
    if answer is None or call.answered_at is None:
        yield "no answer is stored"
        return
    took = f"after {(call.answered_at - call.at).total_seconds():.3f} s"
    yield visible(f"{answer.get('status') or 'no answer'} {took}{_reason(answer)}")
    yield from _message(answer, answer.get("body"), came)


def _named(name: str, value: str) -> str:
    return visible(f"{name:10} {value}")


def _reason(answer: Mapping[str, Any]) -> str:
    return f": {answer['reason']}" if answer.get("reason") else ""


def _message(said: Mapping[str, Any], of: Mapping[str, Any] | None, body: bytes | None) -> Iterator[str]:
    for name, value in said.get("headers") or ():
        yield visible(f"{name}: {value}")
    if of:
        yield ""
        yield _body(of, body)


def _body(of: Mapping[str, Any], body: bytes | None) -> str:
    size, digest = of.get("size"), of.get("sha256")
    what = f"{counted(size, 'byte')}, sha256 {digest}" if size is not None else "of unknown size"
    if body is None:
        return (
            f"({what}; {'it passed without being held' if of.get('streamed') else 'it is not kept, or not any more'})"
        )
    try:
        return visible(body.decode())
    except UnicodeDecodeError:
        return f"({what}; no text)"
