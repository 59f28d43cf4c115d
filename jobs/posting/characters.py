"""Characters that are no part of any text: what programs send each other, and halves of characters."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

from connectors.post import Problem
from jobs.posting.rows import Row

# C0 controls but tab and line feed, delete, surrogates alone, and two that Unicode keeps for itself (23.7)
_STRANGE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def legible(text: str) -> str:
    """The same with a mark in the place of each of them, as it can be shown and stored."""
    return _STRANGE.sub("\ufffd", text)


def strange(field: str, text: str) -> list[Problem]:
    """The first of them in a text, where a person finds it. Pure."""
    if (found := _STRANGE.search(text)) is None:
        return []
    where = text[max(0, found.start() - 12) : found.start()].rsplit("\n", maxsplit=1)[-1]
    after = f"after {legible(where)!r}" if where.strip() else "at its beginning"
    what = f"it holds the character U+{ord(found[0]):04X}, {after}, which is no part of a text; take it out"
    return [Problem(field, what)]


def cleaned(row: Row, problems: list[Problem]) -> Row:
    """A row without them; each field that had one is a problem."""
    given = {field.name: getattr(row, field.name) for field in fields(row)}
    said = {name: value for name, value in given.items() if isinstance(value, str)}
    found = [problem for name, value in said.items() for problem in strange(name, value)]
    found += [problem for name, value in row.texts.items() for problem in strange(f"text:{name}", f"{name}{value}")]
    found += [problem for name in row.to for problem in strange("to", name)]
    if not found:
        return row
    problems += found
    texts = {legible(name): legible(value) for name, value in row.texts.items()}
    clean: dict[str, Any] = {name: legible(value) for name, value in said.items()}
    return replace(row, to=tuple(map(legible, row.to)), texts=texts, **clean)
