"""Lines fit the terminal, whatever is in them, and say where something is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from automator.cli.lines import INDENT, cut, table, visible, wrapped


@given(st.text(), st.integers(1, 60))
def test_a_cut_text_fits(text: str, room: int) -> None:
    """On one line, in cells; one that fits is whole."""
    shown = cut(text, room)
    assert cell_len(shown) <= room
    assert "\n" not in shown
    assert shown.endswith("…") or shown == visible(" ".join(text.split()))


@given(st.text(st.sampled_from("ab \n日🔑")), st.integers(14, 40))
def test_a_wrapped_text_keeps_its_words(text: str, room: int) -> None:
    """And its own lines; only a word that is too long by itself goes over the edge."""
    found = list(wrapped(text, room, "  "))
    assert " ".join(" ".join(found).split()) == " ".join(text.split())
    assert all(cell_len(line) <= room or " " not in line.strip() for line in found)


BESIDE = ["a1  x/brand    done  日本語の投稿テスト", "bb  y/company  done", f"{INDENT}no right to do this"]
UNDER = ["a1  x/brand    done", f"{INDENT}日本語の投稿テスト", "bb  y/company  done", f"{INDENT}no right to do this"]
NARROW = [UNDER[0], f"{INDENT}日本語の投稿…", UNDER[2], f"{INDENT}no right to do", f"{INDENT}this"]


@pytest.mark.parametrize(("room", "expected"), [(60, BESIDE), (40, UNDER), (24, NARROW)])
def test_rows_stand_beside_their_texts_or_above_them(room: int, expected: list[str]) -> None:
    """As there is room; a reason is never cut."""
    rows = [
        (("a1", "x/brand", "done"), "日本語の投稿テスト", ""),
        (("bb", "y/company", "done"), "", "no right to do this"),
    ]
    assert list(table(rows, room)) == expected
