"""Words of sentences for a person."""

from __future__ import annotations

BRACKETS = {")": "(", "]": "[", "}": "{"}
#: what an address never ends with
TRAILING = frozenset(".,;:!?'\"\u2026\u00ab\u00bb\u2018\u2019\u201a\u201c\u201d\u201e\u3001\u3002\uff0c\uff01\uff1f")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 post``, ``2 posts``; ``plural`` where it is no mere ``s``."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def unpunctuated(address: str) -> str:
    """An address without the punctuation of the sentence around it; brackets stay while they are balanced. Pure."""
    while address:
        last = address[-1]
        opening = BRACKETS.get(last)
        unbalanced = opening is not None and address.count(last) > address.count(opening)
        if last not in TRAILING and not unbalanced:
            break
        address = address[:-1]
    return address
