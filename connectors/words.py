"""Words of sentences for a person."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 post``, ``2 posts``; ``plural`` where it is no mere ``s``."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
