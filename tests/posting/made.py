"""Pictures and videos for tests, made when they are needed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FFMPEG = shutil.which("ffmpeg") or ""
needs_ffmpeg = pytest.mark.skipif(not FFMPEG, reason="ffmpeg is not installed")


def video(path: Path, *, seconds: float = 1, size: str = "64x48", more: tuple[str, ...] = ()) -> Path:
    """A moving test card with a tone, of the type that the name says."""
    shown = f"testsrc=size={size}:rate=25:duration={seconds}"
    tone = f"sine=frequency=440:duration={seconds}"
    command = [FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", shown, "-f", "lavfi", "-i", tone, *more, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path
