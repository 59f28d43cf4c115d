"""A Facebook page, from the sign-in in a browser to a post that is changed: with the program itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import httpx

from automator.db import connect
from automator.home import Home
from tests.cli.conftest import Shell
from tests.sandboxed import ROOT, read
from tests.stored import unpacked


def test_a_page_is_signed_in_posted_to_and_its_post_changed(shell: Shell) -> None:
    """Every right is shown with what it is for; the app's secret comes on standard input; no key is shown or stored."""
    given = read(shell.state, "accounts")["facebook/brand"]
    keys = given["secrets"]
    ways = ("--paste", "--client-id", keys["app_id"], "--secret-stdin")
    with subprocess.Popen(
        [sys.executable, "-m", "automator", "accounts", "add", "facebook/page", "--base-url", given["base_url"], *ways],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "AUTOMATOR_HOME": str(shell.home), "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
    ) as adding:
        assert adding.stdin is not None
        assert adding.stdout is not None
        adding.stdin.write(json.dumps({"app_secret": keys["app_secret"]}) + "\n")
        adding.stdin.flush()
        said = []
        while not (said and said[-1].startswith("http")):
            line = adding.stdout.readline()
            assert line, said
            said.append(line.strip())
        answer = httpx.get(said[-1])
        rest, _ = adding.communicate(answer.headers["location"] + "\n", timeout=60)
    assert (adding.returncode, "facebook/page is connected as brand" in rest) == (0, True), rest
    assert any("pages_manage_posts: without it nothing can be published" in line for line in said)
    shown = "".join(said) + rest
    assert keys["app_secret"] not in shown
    delivery = shell.run("post", "From the page", "--to", "facebook/page", "--comment", "And more").split()[-1]
    shell.run("run-due")
    assert [post["text"] for post in shell.world()["facebook"]] == ["From the page", "And more"]
    assert "1 part is changed" in shell.run("posts", "edit", delivery, "--text", "From our page")
    assert [post["text"] for post in shell.world()["facebook"]] == ["From our page", "And more"]
    assert "https://www.facebook.com/" in shell.run("posts", "show", delivery)
    reader = connect(Home(shell.home).database, readonly=True)
    assert keys["app_secret"] not in unpacked(reader)
    reader.close()
    listed = json.loads(shell.run("accounts", "list", "--json"))
    assert {item["name"]: item["options"] for item in listed}["facebook/page"] == {"publishing": "staged"}
    shell.run("accounts", "remove", "facebook/page")
