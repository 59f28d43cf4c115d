"""``automator`` and ``python -m automator``."""

import io
import sys

from automator.cli.app import program


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no emoji must not end a list of posts
    program()(prog_name="automator")


if __name__ == "__main__":
    main()
