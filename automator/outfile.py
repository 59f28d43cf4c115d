"""A file that a person asked for: in place only when it is whole, and never instead of an installation's own."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from automator.home import CONFIG, DATABASE

OWN = (DATABASE, CONFIG, "vault.", "checkpoints.")  #: how the names of what an installation lives by begin


def place(path: Path) -> Path:
    """Where a file named ``path`` stands; a pipe or a terminal is itself."""
    return path if path.exists() and not path.is_file() else path.resolve()


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """Write text that takes the place of a file once it is whole; a pipe is written as it comes.

    Raises:
        OSError: it can't be written, or is a file that an installation lives by; what was there is as it was.
    """
    stands = place(path)
    if stands.exists() and not stands.is_file():
        with stands.open("w", encoding="utf-8", newline="") as out:
            yield out
        return
    if stands.name.startswith(OWN) and stands.with_name(DATABASE).exists():
        raise PermissionError(errno.EPERM, "an installation of Automator lives by that file; name another", str(path))
    part = stands.with_name(f"{stands.name}.{secrets.token_hex(4)}.part")
    mode = stands.stat().st_mode & 0o777 if stands.exists() else 0o666
    try:
        file = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
        with os.fdopen(file, "w", encoding="utf-8", newline="") as out:
            yield out
        part.replace(stands)
    finally:
        part.unlink(missing_ok=True)
