"""Commands that are loaded and made when they are asked for: all together take longer than most of what one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command_from_info, get_command_name, get_group
from typer.models import CommandInfo

Maker = Callable[[], Any]  #: makes a command or a group; Typer keeps the class that both have to itself


class Late(Mapping[str, Any]):
    """Commands by name, in their order; each is made once, when somebody looks at it."""

    def __init__(self, makers: Mapping[str, Maker]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def group(app: typer.Typer) -> TyperGroup:
    """The group that ``typer.main.get_group`` makes, with its commands still to be made.

    Help is plain text: what draws it in frames takes longer to load than all else.
    """
    bare = copy(app)
    bare.registered_commands, bare.rich_markup_mode = [], None
    return late(get_group(bare), {_name(info): partial(_command, info) for info in app.registered_commands})


def late(empty: TyperGroup, makers: Mapping[str, Maker]) -> TyperGroup:
    """Give a group its commands, still to be made."""
    empty.commands = cast(Any, Late(makers))  # Typer reads it, and adds to it only what is decorated
    return empty


def loaded(name: str, place: str) -> Any:
    """The command or group called ``name``, which is at ``place`` (module.attribute) in this package."""
    module, attribute = place.split(".")
    found = getattr(import_module(f"automator.cli.{module}"), attribute)
    return group(found) if isinstance(found, typer.Typer) else _command(CommandInfo(name=name, callback=found))


def _name(info: CommandInfo) -> str:
    return info.name or get_command_name(getattr(info.callback, "__name__", ""))


def _command(info: CommandInfo) -> Any:
    return get_command_from_info(info, pretty_exceptions_short=False, rich_markup_mode=None)
