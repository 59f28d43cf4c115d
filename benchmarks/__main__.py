"""``python -m benchmarks [NAME ...]``: measure all figures, or those of some modules, and keep them in latest.json."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

LATEST = Path(__file__).parent / "latest.json"
TOPICS = (
    "egress",
    "dbos_step",
    "ledger",
    "process",
    "scheduling",
    "limiter",
    "posting",
    "fanout",
    "backtest",
    "orders",
)


def main() -> int:
    asked = sys.argv[1:] or list(TOPICS)
    if unknown := [name for name in asked if name not in TOPICS]:
        print(f"there is no benchmark {unknown[0]!r}; there are {', '.join(TOPICS)}", file=sys.stderr)
        return 2
    found = json.loads(LATEST.read_text()) if sys.argv[1:] and LATEST.exists() else {}
    for name in asked:
        for figure in import_module(f"benchmarks.{name}").measured():
            print(figure, flush=True)
            found[figure.name] = figure.as_json()
    LATEST.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
