"""What a network was given before anybody sees it, and what of that is left over, by the record of what was sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from connectors.network import Wire

NOTHING = frozenset({"rejected", "later", "unsent"})  #: outcomes after which a call has done nothing


@dataclass(frozen=True, slots=True)
class Sent:
    """One call that was made for a post.

    Attributes:
        operation: Its name.
        path: Of its address.
        asked: The JSON object that was sent; empty: it was none; ``None``: it is no longer on the record.
        outcome: A ``connectors.base.Kind``, or ``open``.
        answer: The JSON object that came back; empty: there was none.
    """

    operation: str
    path: str
    asked: Mapping[str, Any] | None
    outcome: str
    answer: Mapping[str, Any]

    @property
    def node(self) -> str:
        """The last part of its path: what it was about."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Left:
    """Something that nobody sees and nothing needs: the provider's id, and what it is (``post``)."""

    id: str
    kind: str


@runtime_checkable
class Staging(Protocol):
    """A network where such things stay until they are deleted."""

    @property
    def makes(self) -> Collection[str]:
        """The names of the operations that make them."""

    def left(self, calls: Sequence[Sent], needed: Collection[str]) -> list[Left]:
        """What is left over of all ``calls`` of a post, oldest first; ``needed`` are ids that may be shown yet. Pure.

        Where the record no longer tells everything, nothing is.
        """

    async def discard(self, wire: Wire, left: Left) -> bool:
        """Delete it; ``False`` if the provider shows it after all, or does not say that it does not.

        Raises:
            connectors.network.Rejected: the provider does not let it.
        """


def words(said: Any) -> set[str]:
    """Every text in something of JSON's. Pure."""
    match said:
        case str():
            return {said}
        case Mapping():
            return set().union(*map(words, said.values()))
        case list() | tuple():
            return set().union(*map(words, said))
        case _:
            return set()
