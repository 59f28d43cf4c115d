"""The strategies that come with Automator, by the name that commands call them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

from jobs.bots.kind import Kind
from jobs.bots.own import Own
from jobs.bots.parameters import BadParameters, Model, read, restored
from jobs.bots.strategies import NAMES
from jobs.bots.strategy import Strategy

OWN = "own"


def held_by(name: str) -> type[Kind]:
    """The kind that the file of this name holds."""
    module = import_module(f"jobs.bots.strategies.{name}")
    classes = (item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__)
    return next(item for item in classes if issubclass(item, Kind))


KINDS: Mapping[str, type[Kind]] = {name: held_by(name) for name in NAMES}


def of(name: str) -> type[Kind]:
    """What is said of a kind; of a file of the user's, and of one that another version had, what is usual."""
    return KINDS.get(name, Kind)


def made(kind: str, given: Mapping[str, Any]) -> Strategy[Any]:
    """The strategy of this kind with these parameters.

    Raises:
        BadParameters: there is no such kind, or the parameters make no sense.
    """
    if kind not in KINDS:
        raise BadParameters(
            f"there is no strategy {kind!r}; there are {', '.join(KINDS)}, and Python files of your own"
        )
    return read(kind, KINDS[kind], given)  # type: ignore[return-value]  # each of them is one


@contextmanager
def opened(kind: str, given: Mapping[str, Any]) -> Iterator[Strategy[Any]]:
    """The same; and ``own``, the user's file that the parameter ``file`` names, for as long as it is needed.

    Raises:
        BadParameters: as ``made``, or the file can't be used.
    """
    if kind != OWN:
        yield made(kind, given)
        return
    if "file" not in given:
        raise BadParameters("the parameter file is missing; it names the Python file")
    with Own(str(given["file"]), {name: value for name, value in given.items() if name != "file"}) as own:
        yield own


def parameters(strategy: Strategy[Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """All parameters of a strategy, the defaults that it took too; of a file of the user's what was given."""
    return strategy.model_dump() if isinstance(strategy, Model) else given


def needs(strategy: Strategy[Any]) -> Mapping[str, Decimal]:
    """What a strategy must be given, by asset; what a file of the user's needs, nobody knows."""
    return strategy.needs() if isinstance(strategy, Kind) else {}


def told(kind: str, given: Mapping[str, Any], kept: Mapping[str, Any] | None) -> Sequence[str]:
    """What a bot's strategy has at the exchange, what it watches, or where it has moved, from its kept state."""
    if kept is None or kind not in KINDS:
        return ()
    try:
        strategy = read(kind, KINDS[kind], given)
        return strategy.told(restored(type(strategy.begin()), kept))
    except BadParameters as unreadable:
        return (str(unreadable),)


def which(kind: str, given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """A strategy as it is kept: a Python file is of the kind ``own``."""
    if not kind.endswith(".py"):
        return kind, given
    return OWN, {**given, "file": str(Path(kind).absolute())}


def pairs(given: list[str]) -> dict[str, str]:
    """``NAME=VALUE`` as typed on a command line.

    Raises:
        BadParameters: one is no pair, or is given twice.
    """
    found: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise BadParameters(f"{item!r} is no parameter; write NAME=VALUE")
        if name.strip() in found:
            raise BadParameters(f"the parameter {name.strip()} is given twice")
        found[name.strip()] = value.strip()
    return found
