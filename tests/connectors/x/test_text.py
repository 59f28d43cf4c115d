"""X counts text in its own way; these are its own examples."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connectors.x import text

SPECS = os.environ.get("AUTOMATOR_SPECS")
# the third group of the file holds the counting of an older configuration, in which emoji were not yet worth two
COUNTERS = ("WeightedTweetsWithDiscountedEmojiCounterTest", "UnicodeDirectionalMarkerCounterTest")


@cache
def conformance(name: str) -> dict[str, list[dict[str, Any]]]:
    if SPECS is None:
        return {}
    path = Path(SPECS) / "twitter-text" / "conformance" / name
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["tests"])


def cases(name: str, *groups: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{group}-{number}")
        for group in groups
        for number, case in enumerate(conformance(name).get(group, []))
    ]


@pytest.mark.parametrize("case", cases("validate.yml", *COUNTERS))
def test_weighted_length(case: dict[str, Any]) -> None:
    """Every published counting example comes out as published."""
    assert text.weight(case["text"]) == case["expected"]["weightedLength"]


@pytest.mark.parametrize("case", cases("extract.yml", "urls", "urls_with_directional_markers", "tco_urls_with_params"))
def test_urls(case: dict[str, Any]) -> None:
    """Every published example of addresses comes out as published."""
    expected = [item["url"] if isinstance(item, dict) else item for item in case["expected"]]
    assert [url.text for url in text.urls(case["text"])] == expected


@pytest.mark.parametrize("case", cases("extract.yml", "urls_with_indices"))
def test_where_urls_stand(case: dict[str, Any]) -> None:
    """Every published example of their places comes out as published."""
    expected = [(item["url"], *item["indices"]) for item in case["expected"]]
    assert [(url.text, url.start, url.end) for url in text.urls(case["text"])] == expected


@pytest.mark.parametrize("case", cases("extract.yml", "cashtags"))
def test_cashtags(case: dict[str, Any]) -> None:
    """Every published example of them comes out as published; a price in brackets is none."""
    assert text.cashtags(case["text"]) == case["expected"]


@pytest.mark.parametrize("group", ["country", "generic"])
def test_top_level_domains(group: str) -> None:
    """Every published top-level domain is one."""
    found = [
        case
        for case in conformance("tlds.yml").get(group, [])
        if [u.text for u in text.urls(case["text"])] != case["expected"]
    ]
    assert found == []


@pytest.mark.parametrize(
    ("written", "weight"),
    [
        ("", 0),
        ("é", 1),
        ("日本", 4),
        ("👩‍👩‍👧‍👦", 2),
        ("🇻🇳", 2),
        ("https://example.com/" + "x" * 400, 23),
        ("example.org", 23),
        ("a.notatld", 9),
    ],
)
def test_weights(written: str, weight: int) -> None:
    """Addresses weigh 23, emoji 2, East Asian characters 2, the rest 1."""
    assert text.weight(written) == weight


@pytest.mark.parametrize(
    "unit", ["a.", "http://", "a.b(", "-.", "com.", "x.com/((", "👩", "é", "https://a.com?", "@a.b ", "_.", "a@"]
)
def test_a_very_long_text_is_counted(unit: str) -> None:
    """A hundred thousand characters of anything get their answer."""
    assert text.weight(unit * (100_000 // len(unit))) > text.LIMIT


@given(st.text(alphabet="aé日.:/-_@#()?👍🏽 \u200dhtps", max_size=120))
def test_addresses_lie_within_the_text_in_order(written: str) -> None:
    """Whatever is written, addresses do not overlap."""
    last = 0
    for url in text.urls(written):
        assert last <= url.start < url.end <= len(written)
        assert written[url.start : url.end] == url.text
        last = url.end
