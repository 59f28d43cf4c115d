"""The program with the small exchange known to it: ``python -m tests.trade.automator serve``."""

from __future__ import annotations

import os

from automator.__main__ import main as program
from tests.trade.exchange import SETTLE, hurry, register


def main() -> None:
    register()
    if SETTLE in os.environ:
        hurry(float(os.environ[SETTLE]))
    program()


if __name__ == "__main__":
    main()
