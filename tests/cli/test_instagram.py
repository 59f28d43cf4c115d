"""An Instagram account, from the sign-in in a browser to a post: with the program itself, by both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from automator.db import connect
from automator.home import Home
from tests.cli.conftest import Shell
from tests.cli.test_signin import free
from tests.sandboxed import ROOT, read
from tests.stored import unpacked


def signed_in(shell: Shell, name: str, *options: str) -> str:
    """What the program says while a person signs in elsewhere, and pastes the address at the end."""
    given = read(shell.state, "accounts")["instagram/brand"]
    command = ["accounts", "add", name, "--base-url", given["base_url"], "--paste", "--secret-stdin", *options]
    with subprocess.Popen(
        [sys.executable, "-m", "automator", *command, "--client-id", given["secrets"]["app_id"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "AUTOMATOR_HOME": str(shell.home), "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
    ) as adding:
        assert adding.stdin is not None
        assert adding.stdout is not None
        adding.stdin.write(json.dumps({"app_secret": given["secrets"]["app_secret"]}) + "\n")
        adding.stdin.flush()
        said = []
        while not (said and said[-1].startswith("http")):
            line = adding.stdout.readline()
            assert line, said
            said.append(line.strip())
        rest, _ = adding.communicate(httpx.get(said[-1]).headers["location"] + "\n", timeout=60)
    assert adding.returncode == 0, rest
    return "\n".join([*said, rest])


BROWSER = """
import sys, httpx
with httpx.Client(verify=False, follow_redirects=True) as client:  # as a person goes on past the warning
    client.get(sys.argv[1])
"""


@pytest.mark.parametrize("login", ["facebook", "instagram"])
def test_a_browser_on_this_machine_comes_back_to_the_program(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    """From Facebook's page over http, from Instagram's own over TLS; nobody copies anything."""
    script = tmp_path / "browser.py"
    script.write_text(BROWSER)
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} %s")
    given, name = read(shell.state, "accounts")["instagram/brand"], f"instagram/here-{login}"
    ways = ("--base-url", given["base_url"], "--sign-in", "--port", str(free()), "--option", f"login={login}")
    said = shell.run(
        "accounts", "add", name, *ways, "--secret-stdin", "--client-id", given["secrets"]["app_id"],
        given=json.dumps({"app_secret": given["secrets"]["app_secret"]}) + "\n", apart=True,
    )  # fmt: skip
    assert f"{name} is connected as @brand" in said
    shell.run("accounts", "remove", name)


@pytest.mark.parametrize(
    ("login", "right"),
    [("facebook", "instagram_content_publish"), ("instagram", "instagram_business_content_publish")],
)
def test_an_account_is_signed_in_and_posted_to(shell: Shell, tmp_path: Path, login: str, right: str) -> None:
    """Every right is shown with what it is for; the app's secret comes on standard input; no key is shown or stored."""
    name = f"instagram/{login}"
    shown = signed_in(shell, name, "--option", f"login={login}")
    assert f"{name} is connected as @brand" in shown
    assert f"the app asks for {right}: without it nothing can be published" in shown
    secret = read(shell.state, "accounts")["instagram/brand"]["secrets"]["app_secret"]
    assert secret not in shown
    with (shell.home / "config.toml").open("a") as config:
        if "[media]" not in Home(shell.home).config.read_text():
            config.write((shell.state / "media.toml").read_text())
    picture = tmp_path / "p.jpg"
    Image.new("RGB", (400, 400), (10, 90, 160)).save(picture)
    shell.run("post", f"By {login}", "--to", name, "--image", str(picture))
    shell.run("run-due")
    assert [post["text"] for post in shell.world()["instagram"]].count(f"By {login}") == 1
    reader = connect(Home(shell.home).database, readonly=True)
    assert secret not in unpacked(reader)
    reader.close()
    (listed,) = [item for item in json.loads(shell.run("accounts", "list", "--json")) if item["name"] == name]
    assert (listed["token_ends"] is None) == (login == "facebook")
    shell.run("accounts", "remove", name)
