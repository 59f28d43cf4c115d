"""Sentences for a person are in good English."""

from __future__ import annotations

import pytest

from connectors.words import counted


@pytest.mark.parametrize(
    ("number", "noun", "plural", "said"),
    [
        (0, "post", "", "0 posts"),
        (1, "post", "", "1 post"),
        (2, "post", "", "2 posts"),
        (1, "entry", "entries", "1 entry"),
        (2, "entry", "entries", "2 entries"),
    ],
)
def test_one_is_not_many(number: int, noun: str, plural: str, said: str) -> None:
    """The noun follows its number."""
    assert counted(number, noun, plural) == said
