"""``automator`` and ``python -m automator``."""

from automator.cli.app import app


def main() -> None:
    """Run the command line."""
    app(prog_name="automator")


if __name__ == "__main__":
    main()
