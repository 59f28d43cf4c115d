"""Write the step from the tables as the last step left them to the tables as the code has them now."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from automator.schema import config, connected, upgrade
from automator.version import LATEST


def main(message: str) -> None:
    """Add a file to ``versions/``; read it before you keep it, and raise ``LATEST``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        upgrade(path)
        with connected(path) as connection:
            command.revision(config(connection), message, autogenerate=True, rev_id=f"{LATEST + 1:04}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or sys.exit("say what changes: python -m automator.migrations WHAT"))
