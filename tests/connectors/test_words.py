"""Sentences for a person are in good English."""

from __future__ import annotations

import pytest

from connectors.bluesky.text import facets
from connectors.facebook.connector import Connector
from connectors.post import Part
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


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("see https://en.example.org/wiki/A_(b).", "https://en.example.org/wiki/A_(b)"),
        ("(https://example.org/a)", "https://example.org/a"),
        ("(https://example.org/wiki/A_(b))", "https://example.org/wiki/A_(b)"),
        ("„https://example.org/a“ ist da", "https://example.org/a"),
        ("\u201ahttps://example.org/a\u2018, ja", "https://example.org/a"),
        ("«https://example.org/a»", "https://example.org/a"),
        ("»https://example.org/a«", "https://example.org/a"),
        ("「https://example.org/a」です", "https://example.org/a"),
        ("https://example.org/a?!…", "https://example.org/a"),
        ("https://example.org/a/", "https://example.org/a/"),
    ],
)
def test_the_punctuation_of_a_sentence_is_no_part_of_an_address(written: str, address: str) -> None:
    """In any of the usual quotation marks; brackets belong to it while they are balanced. The links go there."""
    assert Connector().preview(Part(written)).card == address
    assert [facet.value for facet in facets(written)] == [address]
