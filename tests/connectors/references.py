"""References inside an OpenAPI document."""

from __future__ import annotations

from typing import Any


def whole(document: Any, item: Any) -> Any:
    """What a reference stands for; what is none is itself."""
    while "$ref" in item:
        found = document
        for part in item["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        item = found
    return item
