"""``automator accounts reconcile`` and ``automator posts stats``, as a person uses them."""

from __future__ import annotations

import json

import httpx

from tests.cli.conftest import Shell
from tests.sandboxed import read


def strange(shell: Shell, text: str) -> None:
    """Someone else posts with the account's key."""
    given = read(shell.state, "accounts")["bluesky/brand"]
    with httpx.Client(base_url=f"{given['base_url']}/xrpc/") as client:
        session = client.post("com.atproto.server.createSession", json=given["secrets"]).json()
        post = {"$type": "app.bsky.feed.post", "text": text, "createdAt": "2099-01-01T00:00:00Z"}
        body = {"repo": session["did"], "collection": post["$type"], "record": post}
        client.post(
            "com.atproto.repo.createRecord", json=body, headers={"authorization": f"Bearer {session['accessJwt']}"}
        ).raise_for_status()


def test_both_sides_are_compared(shell: Shell) -> None:
    """Exit code 0 while they are the same; a post of someone else's is told with its address."""
    for name in ("x/brand", "bluesky/brand"):
        shell.run("post", f"One for {name}", "--to", name)
    shell.run("run-due")
    assert "1 posts shown, 1 of them ours; looking took up to $0.100" in shell.run("accounts", "reconcile", "x/brand")
    strange(shell, "Not from here")
    said = shell.run("accounts", "reconcile", "bluesky/brand", code=1)
    assert "2 posts shown, 1 of them ours" in said
    assert "not in our records: 2099-01-01 00:00Z  Not from here  https://bsky.app/profile/" in said
    found = json.loads(shell.run("accounts", "reconcile", "bluesky/brand", "--json", code=1))
    assert [item["kind"] for item in found["findings"]] == ["matched", "foreign"]
    said = shell.run("accounts", "reconcile", "bluesky/brand", "--since", "2098-01-01 00:00", code=2)
    assert "has not come yet" in said
    assert "accounts add x/other" in shell.run("accounts", "reconcile", "x/other", code=2)
    assert "is no time" in shell.run("accounts", "reconcile", "x/brand", "--since", "lately", code=2)
