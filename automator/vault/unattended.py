"""Whether cron and the service, whose environments are barer than a shell's, open the same vault: by trying it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from automator.vault.choose import choose
from automator.vault.store import VaultError

PATIENCE = 15.0  #: seconds; a keyring that asks somebody for a passphrase would wait for ever
WHOSE = ("HOME", "LOGNAME", "USER")
BUS = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


def cron(environ: Mapping[str, str]) -> dict[str, str]:
    """What crontab(5) gives a command."""
    return {name: environ[name] for name in WHOSE if name in environ} | {"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}


def service(environ: Mapping[str, str]) -> dict[str, str]:
    """What a user's service manager gives one (systemd.exec(5)): the session's bus too, if there is a session."""
    return cron(environ) | {name: environ[name] for name in BUS if name in environ}


def trouble(home: Path, kind: str, here: str, bare: Mapping[str, str]) -> str | None:
    """Why a process in the environment ``bare`` has not the vault that says ``here`` of itself; ``None`` if it has."""
    command = [sys.executable, "-m", __name__, str(home.absolute()), kind]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, env=dict(bare), cwd="/", capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the vault did not open within {PATIENCE:.0f} seconds"
    said = done.stdout.strip()
    if done.returncode:
        return said or "the vault can't be opened there"
    return None if said == here else f"there, {said}"


def _main(home: str, kind: str) -> int:
    try:
        print(choose(Path(home), kind, os.environ).check())  # noqa: T201 - its answer to ``trouble``
    except VaultError as error:
        print(error)  # noqa: T201 - as above
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
