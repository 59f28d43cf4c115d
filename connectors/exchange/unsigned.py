"""A call as it is before it is signed: this is what the record holds, and what every attempt is signed from anew."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: words of a path that may do something with orders, also where an exchange takes them by GET
ACTS = re.compile(r"order|trade|buy|sell|deal|cancel", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unsigned:
    """One call of an exchange's API, in ccxt's terms.

    Attributes:
        sections: Which part of the API: ``("private",)``, ``("v3", "private")``.
        path: With its placeholders: ``orders/{order_id}``.
        method: ``GET``, ``POST``, ``DELETE``.
        params: What is asked; JSON-able, in the order in which it is signed.
        cost: What ccxt holds that it costs, in units of its ``rateLimit``.
        about: What is known beside of the order that it cancels, for the count of limits; it is recorded, not sent.
    """

    sections: tuple[str, ...]
    path: str
    method: str
    params: Any
    cost: float = 1.0
    about: Mapping[str, Any] = field(default_factory=dict)

    def said(self) -> dict[str, Any]:
        """As the body that is recorded."""
        said = {
            "sections": list(self.sections),
            "path": self.path,
            "method": self.method,
            "params": self.params,
            "cost": self.cost,
        }
        return said | {"about": dict(self.about)} if self.about else said

    @classmethod
    def read(cls, content: bytes) -> Unsigned:
        """The call that ``said`` wrote down."""
        said: Mapping[str, Any] = json.loads(content)
        about = said.get("about") or {}
        return cls(tuple(said["sections"]), said["path"], said["method"], said["params"], said["cost"], about)

    @property
    def public(self) -> bool:
        """Whether ccxt says of this part of the API that anyone may ask it."""
        return any("public" in section.lower() for section in self.sections)

    @property
    def reads(self) -> bool:
        """Whether it does nothing, whatever it is asked for on the way to."""
        return self.method == "GET" and (self.public or not ACTS.search(self.path))
