"""Requests with one thing wrong, by which a check of requests shows that it notices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

CAUGHT = 0.95


def values(said: Any, needed: Collection[str], at: str = "body") -> Iterator[tuple[str, Any]]:
    """A JSON value: each name in it misspelt, each value of another type, each needed field left out."""
    match said:
        case dict():
            for name, item in said.items():
                rest = {key: other for key, other in said.items() if key != name}
                yield f"{at}.{name} misspelt", {f"{name}x": item, **rest}
                if name in needed:
                    yield f"{at}.{name} left out", rest
                for what, changed in values(item, needed, f"{at}.{name}"):
                    yield what, {**rest, name: changed}
        case list():
            for number, item in enumerate(said):
                for what, changed in values(item, needed, f"{at}[{number}]"):
                    yield what, [*said[:number], changed, *said[number + 1 :]]
    yield f"{at} of another type", 5 if isinstance(said, str | None) else "maybe"


def targets(target: str, needed: Collection[str], typed: Collection[str]) -> Iterator[tuple[str, str]]:
    """A path with its query: each name misspelt, each of ``typed`` of another type, each needed one left out."""
    url = urlsplit(target)
    pairs = parse_qsl(url.query)
    for number, (name, value) in enumerate(pairs):
        rest = [*pairs[:number], *pairs[number + 1 :]]
        yield f"{name} misspelt", f"{url.path}?{urlencode([*rest, (f'{name}x', value)])}"
        if name in needed and name not in dict(rest):
            yield f"{name} left out", f"{url.path}?{urlencode(rest)}"
        if name in typed:
            yield f"{name} of another type", f"{url.path}?{urlencode([*rest, (name, 'maybe?')])}"


def share(mutants: Sequence[tuple[str, Any]], faults: Callable[[Any], Sequence[str]]) -> tuple[float, list[str]]:
    """How much of the mistakes is noticed, and what is not."""
    missed = [what for what, mutant in mutants if not faults(mutant)]
    return 1 - len(missed) / len(mutants), missed
