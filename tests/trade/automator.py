"""The program with the small exchange known to it: ``python -m tests.trade.automator serve``."""

from __future__ import annotations

from automator.__main__ import main
from tests.trade.exchange import register

if __name__ == "__main__":
    register()
    main()
