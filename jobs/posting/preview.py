"""A planned post as each account will get it: texts, counters, files, cards, costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.network import Network
from connectors.post import Media, Part
from connectors.takes import Preview
from jobs.posting.campaign import Verdict


@dataclass(frozen=True, slots=True)
class Piece:
    """One part, and how the network counts and shows it."""

    part: Part
    shown: Preview

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        count = {"used": self.shown.used, "limit": self.shown.limit, "unit": self.shown.unit}
        return {
            "form": self.part.form,
            "text": self.shown.text,
            "count": count,
            "media": list(map(_media, self.part.media)),
            "card": self.shown.card,
            "collaborators": list(self.part.collaborators),
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A post on one account.

    Attributes:
        account: Its name.
        at: When, as the clocks of ``zone`` show it; empty: that could not be found out.
        zone: IANA name.
        instant: The same in UTC, ISO 8601.
        cost: US dollars, as expected.
    """

    account: str
    at: str
    zone: str
    instant: str
    cost: Decimal
    pieces: tuple[Piece, ...]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "account": self.account,
            "at": self.instant,
            "wall": self.at,
            "zone": self.zone,
            "cost": {"usd": str(self.cost)},
            "parts": [piece.as_json() for piece in self.pieces],
        }


def previews(verdict: Verdict, networks: Mapping[str, Network]) -> list[Shown]:
    """What would be published on each account that is known, also where something is still wrong with it."""
    when = verdict.when
    at, zone, instant = (when.wall, when.zone, when.at.isoformat()) if when else ("", "", "")
    found: list[Shown] = []
    for planned in verdict.deliveries:
        network = networks[planned.account]
        pieces = tuple(Piece(part, network.preview(part)) for part in planned.parts)
        cost = sum((network.price(part) for part in planned.parts), Decimal(0))
        found.append(Shown(planned.account, at, zone, instant, cost, pieces))
    return found


def _media(media: Media) -> dict[str, Any]:
    return {
        "path": media.path,
        "source": media.own,
        "type": media.type,
        "size": media.size,
        "width": media.width,
        "height": media.height,
        "seconds": media.seconds,
        "alt": media.alt,
        "tags": [{"name": tag.name, "x": tag.x, "y": tag.y} for tag in media.tags],
    }
