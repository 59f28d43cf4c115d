"""Weighted length and addresses of a post, by the rules of twitter-text (version 3 of its configuration)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

import regex

LIMIT = 280
URL_WEIGHT = 23
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  #: code points that count as one; others as two

_LONGEST = 4096  #: characters of an address
_LABEL = r"[\p{L}\p{M}\p{N}\p{So}_-]{1,64}+"
_LATIN = r"[a-z0-9\u00c0-\u024f-]"
_WITH = regex.compile(rf"https?+://({_LABEL}(?:\.{_LABEL}){{1,127}}+)", regex.IGNORECASE)
_BARE = regex.compile(
    rf"(?<!{_LATIN})({_LATIN}{{1,64}}+(?:\.[\p{{L}}\p{{M}}\p{{N}}-]{{1,64}}+){{1,127}}+)", regex.IGNORECASE
)
_NOT_BEFORE = regex.compile(r"[A-Za-z0-9@$#\uff20\uff03]")
_NOT_BEFORE_BARE = frozenset("-_./")
_SHORTENED = regex.compile(r"https?://t\.co/([a-z0-9]++)", regex.IGNORECASE)
_SLUG = 40
_LABEL_BYTES = 63  #: RFC 1035, section 2.3.4; of the encoded form
_PORT = regex.compile(r":\d++(?![\w])")
_PATH_CHAR = r"[a-z0-9\p{Cyrillic}\u00c0-\u024f!*';:=+,.$/%#\[\]\-\u2013_~@|&]"
_PARENS = rf"\((?:{_PATH_CHAR}|\({_PATH_CHAR}{{0,200}}+\)){{0,200}}+\)"
_PATH = regex.compile(rf"/(?:{_PATH_CHAR}|{_PARENS}){{0,{_LONGEST}}}+", regex.IGNORECASE)
_PATH_END = regex.compile(r"[a-z0-9\p{Cyrillic}\u00c0-\u024f=_#/+\-)]", regex.IGNORECASE)
_QUERY = regex.compile(r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]{0,4096}+", regex.IGNORECASE)
_QUERY_END = regex.compile(r"[a-z0-9\-_&=#/]", regex.IGNORECASE)
_AFTER_TLD = regex.compile(r"[0-9a-zA-Z@+-]")
_EMOJI_ONE = (
    r"(?:\p{Emoji_Presentation}|\p{Emoji}\ufe0f|\p{Extended_Pictographic})"
    r"\p{Emoji_Modifier}?\ufe0f?[\U000e0020-\U000e007f]*+"
)
_CASHTAG = regex.compile(r"(?<![^\s\u200b])\$([a-z]{1,6}(?:[._][a-z]{1,2})?)(?=[\s\p{P}+<=>^|~$]|$)", regex.IGNORECASE)
_HEAVY = regex.compile(f"[^{''.join(f'{chr(first)}-{chr(last)}' for first, last in LIGHT)}]")
_EMOJI = regex.compile(
    rf"[0-9#*]\ufe0f?\u20e3|\p{{RI}}{{2}}|{_EMOJI_ONE}(?:\u200d{_EMOJI_ONE}|\u200d\p{{Emoji}}\ufe0f?)*+"
)


@dataclass(frozen=True, slots=True)
class Url:
    """An address in a text; offsets in code points."""

    start: int
    end: int
    text: str


@cache
def tlds() -> frozenset[str]:
    """The top-level domains that make a word with dots an address."""
    return frozenset((resources.files("connectors.x") / "tlds.txt").read_text(encoding="utf-8").split())


def urls(text: str) -> list[Url]:
    """Addresses that X shortens, in order. The length of each is bounded, so the time stays near that of the text."""
    found: list[Url] = []
    at = 0
    coming = {pattern: pattern.search(text) for pattern in (_WITH, _BARE)}
    while True:
        for pattern, match in coming.items():
            if match is not None and match.start() < at:
                coming[pattern] = pattern.search(text, at)
        first = min((match for match in coming.values() if match), key=_start, default=None)
        if first is None:
            return found
        url = _url(text, first)
        at = url.end if url else first.end()
        if url:
            found.append(url)


def _start(match: regex.Match[str]) -> int:
    return int(match.start())


def _url(text: str, match: regex.Match[str]) -> Url | None:
    start, bare = match.start(), match.re is _BARE
    if start and (_NOT_BEFORE.match(text[start - 1]) or (bare and text[start - 1] in _NOT_BEFORE_BARE)):
        return None
    length = _host_length(match[1], text[match.end(1) : match.end(1) + 1], bare=bare)
    if length is None:
        return None
    end = match.start(1) + length
    if (shortened := _SHORTENED.match(text, start)) is not None:
        if len(shortened[1]) > _SLUG:
            return None
        end = shortened.end()
    else:
        if (port := _PORT.match(text, end)) is not None:
            end = port.end()
        if (path := _PATH.match(text, end)) is not None:
            end = max(end + 1, _trim(path, _PATH_END))
    if (query := _QUERY.match(text, end)) is not None:
        end = _trim(query, _QUERY_END)
    return Url(start, end, text[start:end]) if end - start <= _LONGEST else None


def _trim(match: regex.Match[str], last: regex.Pattern[str]) -> int:
    end = int(match.end())
    while end > match.start() and not last.match(match.string[end - 1]):
        end -= 1
    return end


def _host_length(host: str, following: str, *, bare: bool) -> int | None:
    """How much of a run of labels is a host: up to the last label that is, or begins with, a top-level domain."""
    labels = host.split(".")
    if not _subdomain(labels[0]):
        return None
    end, best = len(labels[0]), None
    for number, label in enumerate(labels[1:], 1):
        after = "." if number + 1 < len(labels) else following
        tld = _tld(label, after)
        if tld and "_" not in labels[number - 1]:
            best = end + 1 + tld
        if not _subdomain(label) or (bare and not label.isascii()):
            break
        end += 1 + len(label)
    return best


def _subdomain(label: str) -> bool:
    if label[0] in "-_" or label[-1] in "-_":
        return False
    if label.isascii():
        return len(label) <= _LABEL_BYTES
    if label.lower().startswith("xn--") or len(label) > _LABEL_BYTES:
        return False
    return len(label.lower().encode("punycode")) + len("xn--") <= _LABEL_BYTES


def _tld(label: str, after: str) -> int:
    """How many leading characters of a label are a top-level domain that ends there; 0 for none."""
    known = tlds()
    if label.lower().startswith("xn--"):
        return len(label) if label.isascii() else 0
    for length in range(min(len(label), 24), 1, -1):
        next_one = label[length : length + 1] or after
        if label[:length].lower() in known and not _AFTER_TLD.match(next_one or " "):
            return length
    return 0


def cashtags(text: str) -> list[str]:
    """The names of shares that X makes links of, without ``$``."""
    return [str(name) for name in _CASHTAG.findall(text)]


def weight(text: str) -> int:
    """The weighted length: addresses 23, emoji 2, most letters 1, East Asian characters 2."""
    composed = unicodedata.normalize("NFC", text)
    total, at = 0, 0
    for url in urls(composed):
        total += _weight(composed[at : url.start]) + URL_WEIGHT
        at = url.end
    return total + _weight(composed[at:])


def _weight(text: str) -> int:
    total, at = 0, 0
    for match in _EMOJI.finditer(text):
        total += _units(text[at : match.start()]) + 2
        at = match.end()
    return total + _units(text[at:])


def _units(text: str) -> int:
    return len(text) + len(_HEAVY.findall(text))
