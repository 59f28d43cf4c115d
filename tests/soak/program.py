"""The program, whose complaints go to the end of a file that ``SOAK_LOG`` names."""

from __future__ import annotations

import os
import sys

from automator.__main__ import main as program

VARIABLE = "SOAK_LOG"


def main() -> None:
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, sys.stderr.fileno())
    os.close(file)
    program()
