"""Lines that fit a person's terminal, counted in cells: a wide character has two."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator, Sequence

ENDLESS = 10_000  #: cells, where a program reads and nothing has to fit
LEAST = 24  #: cells that the last column needs to stand beside the others
INDENT = " " * 10
MOVES = {"Cc", "Cs", "Zl", "Zp"}  #: categories of characters that move a terminal, or can't be written to one
TURNS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  #: those that show text in another order


def width() -> int:
    """Cells of a line at this terminal."""
    return shutil.get_terminal_size((ENDLESS, 24)).columns


def visible(text: str) -> str:
    """A text by others, which may do nothing to a terminal: an escape, say, is written out. Lines and tabs stay."""
    return "".join(
        sign.encode("unicode_escape").decode()
        if sign not in "\n\t" and (unicodedata.category(sign) in MOVES or sign in TURNS)
        else sign
        for sign in text
    )


def cut(text: str, room: int) -> str:
    """A text on one line, with a mark where its end is missing."""
    from rich.cells import cell_len, get_character_cell_size  # noqa: PLC0415 - keeps --help fast

    plain = visible(" ".join(text.split()))
    if cell_len(plain) <= room:
        return plain
    kept, left = "", max(1, room) - 1
    for character in plain:
        left -= get_character_cell_size(character)
        if left < 0:
            break
        kept += character
    return f"{kept.rstrip()}…"


def wrapped(text: str, room: int, indent: str = "") -> Iterator[str]:
    """A text's lines, each with ``indent`` before it, divided between words where they are too long."""
    from rich.cells import cell_len  # noqa: PLC0415 - keeps --help fast

    for written in visible(text).split("\n"):
        if cell_len(indent + written) <= room:
            yield f"{indent}{written}" if written.strip() else ""
            continue
        line = ""
        for word in written.split(" "):
            if line and cell_len(f"{indent}{line} {word}") > room:
                yield indent + line
                line = word
            else:
                line = f"{line} {word}" if line else word
        yield indent + line


def table(rows: Sequence[tuple[Sequence[str], str, str]], room: int, most: int = 100) -> Iterator[str]:
    """Rows of columns, a text of at most so many cells beside or under them, and a remark under that."""
    sides = [max(map(len, column)) for column in zip(*(columns for columns, _, _ in rows), strict=True)]
    left = room - sum(sides) - 2 * len(sides)
    for columns, text, remark in rows:
        line = "  ".join(column.ljust(side) for column, side in zip(columns, sides, strict=True))
        if left >= LEAST:
            yield f"{line}  {cut(text, min(left, most))}".rstrip()
        else:
            yield line.rstrip()
            if text.strip():
                yield INDENT + cut(text, min(room - len(INDENT), most))
        if remark:
            yield from wrapped(remark, room, INDENT)
