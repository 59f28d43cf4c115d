"""``automator media`` and the doctor, where there is no media host or a broken one."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from automator.cli.app import program
from automator.home import Home
from tests.hosting.installed import CANARY, place


def run(home: Path, *arguments: str, given: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(program(), [*arguments, "--home", str(home)], input=given)
    return result.exit_code, result.output


def test_the_commands_say_what_is_missing(tmp_path: Path) -> None:
    """Exit code 2 for what was asked wrongly, 1 for what does not work."""
    home = Home(tmp_path / "home")
    place(home, "")
    assert run(home.path, "media", "test") == (
        2,
        "automator: no media host is set; config.toml names one in [media]\n",
    )
    assert run(home.path, "media", "set-key", "--secret-stdin", given="{}")[0] == 2
    home.config.write_text(
        '[vault]\nkind = "file"\n[media]\nkind = "s3"\nendpoint = "http://127.0.0.1:9"\nbucket = "b"\n'
        'public_url = "http://127.0.0.1:9/b"\n'
    )
    code, said = run(home.path, "media", "set-key", "--secret-stdin", given='{"access_key": "a"}')
    assert (code, "access_key and secret_key" in said) == (2, True)
    given = json.dumps({"access_key": "a", "secret_key": CANARY})
    code, said = run(home.path, "media", "set-key", "--secret-stdin", given=given)
    assert code == 0
    assert CANARY not in said
    code, said = run(home.path, "doctor", "--json")
    assert code == 1
    assert "the media host does not work" in said
    assert "Traceback" not in said


def test_the_doctor_says_that_there_is_none(tmp_path: Path) -> None:
    """Nothing is wrong with that."""
    home = Home(tmp_path / "home")
    place(home, "")
    code, said = run(home.path, "doctor")
    assert code == 0
    assert "media host: none" in said
