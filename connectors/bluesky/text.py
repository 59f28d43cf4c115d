"""Length and facets of a post. Facets count UTF-8 bytes (docs.bsky.app, rich text)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import regex

from connectors.words import unpunctuated

GRAPHEMES = 300
BYTES = 3000
TAG_GRAPHEMES = 64

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_LABEL}\.)+[a-zA-Z]{{2,24}}"
# an address follows text in a script without spaces, and ends at that script's own punctuation
_LINK = regex.compile(
    rf"(?:(?<![a-z0-9_@/.])https?://[\w\[][^\s<>\"\u3001\u3002\u3008-\u3011\uff08\uff09\uff0c\u200b\u2060]*|(?<![\w@/.]){_DOMAIN}(?:/[^\s<>\"]*)?)(?![\w@])",
    regex.IGNORECASE,
)
_MENTION = regex.compile(rf"(?<![\w@/.])@({_DOMAIN})(?![\w@-])")
_TAG = regex.compile(
    r"(?<![\w#/])[#\uff03]((?:[^\s\p{P}\p{S}\u00ad\u200b\u2060]*[\p{L}\p{M}_][\w\p{M}]*|\d+[\p{L}_][\w\p{M}]*)"
    r"(?:-[\w\p{M}]++)*+)"
)
# a word with a dot is a place only under these; the others are mostly file names and abbreviations
_PLACES = frozenset(
    {"com", "org", "net", "io", "app", "dev", "social", "info", "blog", "edu", "gov", "xyz", "ai", "tv", "me", "co"}
    | {"de", "fr", "uk", "eu", "ch", "at", "nl", "vn", "jp", "us"}
)


@dataclass(frozen=True, slots=True)
class Facet:
    """A stretch of the text that means something; offsets in UTF-8 bytes."""

    start: int
    end: int
    kind: str  #: ``link``, ``mention`` or ``tag``
    value: str  #: the address, the handle, or the tag without ``#``


def graphemes(text: str) -> int:
    """What a reader would count: user-perceived characters."""
    return len(regex.findall(r"\X", text))


def host(address: str) -> str:
    """The host that an address names; empty if it names none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def facets(text: str) -> list[Facet]:
    """Links, mentions and hashtags, in order, none overlapping."""
    found: list[Facet] = []
    taken: list[tuple[int, int]] = []

    def keep(start: int, end: int, kind: str, value: str) -> None:
        if all(end <= first or start >= last for first, last in taken):
            taken.append((start, end))
            before = len(text[:start].encode())
            found.append(Facet(before, before + len(text[start:end].encode()), kind, value))

    for match in _LINK.finditer(text):
        shown = unpunctuated(match.group())
        bare = not shown.lower().startswith(("http://", "https://"))
        if bare and shown.split("/", 1)[0].rsplit(".", 1)[-1].lower() not in _PLACES:
            continue
        address = f"https://{shown}" if bare else shown
        if host(address):
            keep(match.start(), match.start() + len(shown), "link", address)
    for match in _MENTION.finditer(text):
        keep(match.start(), match.end(), "mention", match[1].lower())
    for match in _TAG.finditer(text):
        if graphemes(match[1]) <= TAG_GRAPHEMES:
            keep(match.start(), match.end(), "tag", match[1])
    return sorted(found, key=lambda facet: facet.start)
