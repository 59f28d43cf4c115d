"""The last net: exact live secrets are taken out of whatever is about to be stored."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import httpx

from automator.ledger.chain import canonical

REMOVED = b"[secret]"
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")
_TAGS, _MARKUP = re.compile(r"[<>&]"), re.compile(r"[<>&'+]")
HIDDEN_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def forms(secret: str) -> Iterable[bytes]:
    """The ways in which a secret shows up in a call: raw, escaped, URL-encoded, hex, base64 at each alignment."""
    raw = secret.encode()
    yield raw
    yield from (raw.hex().encode(), raw.hex().upper().encode())
    for escaped in (*_in_json(secret), *_in_html(secret)):
        yield escaped.encode()
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded.encode()
        yield _PERCENT.sub(lambda two: two[0].lower(), encoded).encode()
        yield quote(encoded, safe="").encode()
    for shift in range(3):
        # only the characters that no neighbouring byte can change
        whole = base64.b64encode(b"\0" * shift + raw)
        first = (shift * 8 + 5) // 6
        last = (shift + len(raw)) * 8 // 6
        yield whole[first:last]
        yield whole[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def _in_json(secret: str) -> Iterable[str]:
    """As JSON's writers differ: which characters they escape, and in which case; and in a text that is JSON itself."""
    for ascii_only in (True, False):
        written = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        without_quotes = written.replace('\\"', "\\u0022")
        for text in (
            written,
            written.replace("/", "\\/"),
            _TAGS.sub(_escaped, written),
            _MARKUP.sub(_escaped, without_quotes),
            json.dumps(written)[1:-1],
        ):
            yield text
            yield _ESCAPE.sub(lambda four: f"\\u{four[1].upper()}", text)


def _escaped(one: re.Match[str]) -> str:
    return f"\\u{ord(one[0]):04x}"


def _in_html(secret: str) -> Iterable[str]:
    """An error page's forms: quotes by name, in hex, or in decimal."""
    named = escape(secret, quote=True)
    yield named
    yield named.replace("&#x27;", "&#39;")
    yield named.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield escape(secret, quote=False)


def scrub(content: bytes, secrets: Iterable[str]) -> bytes:
    """``content`` without any form of any secret of at least four characters."""
    for form in _known_forms(tuple(secrets)):
        content = content.replace(form, REMOVED)
    return content


@lru_cache(maxsize=64)  # the same few keys sign every call
def _known_forms(secrets: tuple[str, ...]) -> tuple[bytes, ...]:
    found = {form for secret in secrets if len(secret) >= 4 for form in forms(secret)}  # noqa: PLR2004 - said above
    return tuple(sorted(found, key=len, reverse=True))


def text(words: str, secrets: Iterable[str]) -> str:
    """The same for words."""
    return scrub(words.encode(errors="replace"), secrets).decode(errors="replace")


def answer(response: httpx.Response, secrets: Iterable[str]) -> httpx.Response:
    """An answer that was read, without secrets in its body and headers; itself if there are none."""
    known = tuple(secrets)
    given = response.headers.multi_items()
    content, kept = scrub(response.content, known), [(text(name, known), text(value, known)) for name, value in given]
    if content == response.content and kept == given:
        return response
    gone = {"content-length", "content-encoding", "transfer-encoding"}
    left = [pair for pair in kept if pair[0].lower() not in gone]
    return httpx.Response(response.status_code, headers=left, content=content, extensions=response.extensions)


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
            return text(value, known)
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
