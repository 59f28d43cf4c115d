"""The program with the small exchange known to it: ``python -m tests.trade.automator serve``."""

from __future__ import annotations

import os

from automator.__main__ import main
from tests.trade.exchange import SETTLE, hurry, register

if __name__ == "__main__":
    register()
    if SETTLE in os.environ:
        hurry(float(os.environ[SETTLE]))
    main()
