"""The last net: exact live secrets are taken out of whatever is about to be stored."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from automator.ledger.chain import canonical

REMOVED = b"[secret]"
HIDDEN_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def forms(secret: str) -> Iterable[bytes]:
    """The ways in which a secret shows up in a call: raw, URL-encoded, base64 at each alignment."""
    raw = secret.encode()
    yield raw
    yield json.dumps(secret)[1:-1].encode()
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded.encode()
    for shift in range(3):
        # only the characters that no neighbouring byte can change
        whole = base64.b64encode(b"\0" * shift + raw)
        first = (shift * 8 + 5) // 6
        last = (shift + len(raw)) * 8 // 6
        yield whole[first:last]
        yield whole[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def scrub(content: bytes, secrets: Iterable[str]) -> bytes:
    """``content`` without any form of any secret of at least four characters."""
    for form in _known_forms(tuple(secrets)):
        content = content.replace(form, REMOVED)
    return content


@lru_cache(maxsize=64)  # the same few keys sign every call
def _known_forms(secrets: tuple[str, ...]) -> tuple[bytes, ...]:
    found = {form for secret in secrets if len(secret) >= 4 for form in forms(secret)}  # noqa: PLR2004 - said above
    return tuple(sorted(found, key=len, reverse=True))


def clean(value: Any, secrets: Iterable[str]) -> Any:
    """A JSON value with every string in it scrubbed, keys too."""
    known = tuple(secrets)
    return _cleaned(value, known) if _found(canonical(value), known) else value


def written(value: Any, secrets: Iterable[str]) -> str:
    """The same as canonical text."""
    known = tuple(secrets)
    text = canonical(value)
    return canonical(_cleaned(value, known)) if _found(text, known) else text


def _found(text: str, known: tuple[str, ...]) -> bool:
    # hardly ever anything is found, and one look at the whole is far cheaper than one at each string
    return any(form in text for form in _written_forms(known))


def _cleaned(value: Any, known: tuple[str, ...]) -> Any:
    match value:
        case str():
            return scrub(value.encode(errors="replace"), known).decode(errors="replace")
        case Mapping():
            return {_cleaned(name, known): _cleaned(item, known) for name, item in value.items()}
        case list() | tuple():
            return [_cleaned(item, known) for item in value]
        case _:
            return value


@lru_cache(maxsize=64)
def _written_forms(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The known forms as they stand inside a JSON string."""
    return tuple(canonical(form.decode())[1:-1] for form in _known_forms(secrets))


def headers(items: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Header pairs, those that carry keys hidden by name; ``clean`` does the rest."""
    return [[name, "[hidden]" if name.lower() in HIDDEN_HEADERS else value] for name, value in items]
