"""The strategies that come with Automator: a file for each, which has its name."""

from __future__ import annotations

import pkgutil

NAMES = tuple(sorted(found.name for found in pkgutil.iter_modules(__path__)))
