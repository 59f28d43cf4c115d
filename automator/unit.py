"""Starting with the machine: a systemd user unit (systemd.service(5)) or a launchd agent (launchd.plist(5))."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automator.home import DATABASE

NAME = "automator"
LABEL = "org.automator.serve"
STOP = 45  #: seconds to finish what is in flight, more than `serve` takes


class UnitError(Exception):
    """The service manager is not there, or refused; one sentence."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A file for the service manager, and the commands that put it in force and take it out."""

    path: Path
    content: bytes
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]


def unit(home: Path, *, platform: str = sys.platform) -> Unit:
    """The unit that serves ``home`` for the present user."""
    command = [sys.executable, "-m", "automator", "serve", "--home", str(home.resolve())]
    return _launchd(command) if platform == "darwin" else _systemd(command)


def install(made: Unit) -> None:
    """Write the file and start the service, anew if it runs already; a first one that can't start leaves nothing.

    Raises:
        UnitError: the service manager is missing, or refused, or it serves another installation.
    """
    _needed(made.start)
    there = _own(made)
    if there:  # one that runs would go on as it was
        _try(made.stop[0])
    made.path.parent.mkdir(parents=True, exist_ok=True)
    made.path.write_bytes(made.content)
    try:
        for command in made.start:
            _run(command)
    except UnitError:
        if not there:
            _try(made.stop[0])
            made.path.unlink()
        raise


def remove(made: Unit) -> bool:
    """Stop the service and remove its file; ``False`` if there was none.

    Raises:
        UnitError: the service manager is missing, or refused, or it serves another installation.
    """
    if not _own(made):
        return False
    _needed(made.stop)
    _run(made.stop[0])
    made.path.unlink()
    for command in made.stop[1:]:
        _run(command)
    return True


def installed(home: Path) -> bool:
    """Whether a service of the present user serves ``home``."""
    made = unit(home)
    return made.path.is_file() and _served(made.path.read_bytes()) == _served(made.content)


def _own(made: Unit) -> bool:
    """Whether its file is there already; one that names a folder without an installation may be taken over."""
    if not made.path.exists():
        return False
    there, mine = _served(made.path.read_bytes()), _served(made.content)
    if there not in {mine, ""} and (Path(there) / DATABASE).is_file():
        raise UnitError(f"{made.path} serves {there}; `automator service remove --home {there}` ends that")
    return True


def _served(content: bytes) -> str:
    """The folder that a unit names; empty if none is found."""
    if content.startswith(b"<?xml"):
        return str(plistlib.loads(content)["ProgramArguments"][-1])
    found = re.search(r'"--home" "(.*)"$', content.decode(), re.MULTILINE)
    return re.sub(r"\\(.)|(%)%|(\$)\$", lambda one: str(one[one.lastindex or 0]), found[1]) if found else ""


def _systemd(command: Sequence[str]) -> Unit:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    content = f"""[Unit]
Description=Automator: scheduled posts and orders
After=network-online.target

[Service]
ExecStart={" ".join(map(_quoted, command))}
Restart=always
RestartSec=5
TimeoutStopSec={STOP}

[Install]
WantedBy=default.target
"""
    systemctl = ("systemctl", "--user")
    return Unit(
        folder / f"{NAME}.service",
        content.encode(),
        # lingering: it runs without anybody being logged in
        ((*systemctl, "daemon-reload"), (*systemctl, "enable", "--now", NAME), ("loginctl", "enable-linger")),
        ((*systemctl, "disable", "--now", NAME), (*systemctl, "daemon-reload")),
    )


def _quoted(word: str) -> str:
    """One word of a command line as systemd reads it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _launchd(command: Sequence[str]) -> Unit:
    path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    content = plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "RunAtLoad": True,
            "KeepAlive": True,
            "ExitTimeOut": STOP,
        }
    )
    domain = f"gui/{os.getuid()}"
    return Unit(
        path,
        content,
        (("launchctl", "bootstrap", domain, str(path)),),
        (("launchctl", "bootout", f"{domain}/{LABEL}"),),
    )


def _needed(commands: Sequence[Sequence[str]]) -> None:
    for program in {command[0] for command in commands}:
        if shutil.which(program) is None:
            raise UnitError(f"{program} is not on this machine; run `automator serve` under its own service manager")


def _try(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words


def _run(command: Sequence[str]) -> None:
    done = _try(command)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UnitError(f"`{' '.join(command)}` failed: {said[-1] if said else f'exit code {done.returncode}'}")
