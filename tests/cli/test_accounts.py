"""``automator accounts reconcile`` and ``automator posts stats``, as a person uses them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image

from automator.db import connect
from automator.posting.metrics import Readable, keep
from connectors.graph.proof import proof
from connectors.network import Metrics
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
    assert "1 post shown, 1 of them ours; looking took up to $0.100" in shell.run("accounts", "reconcile", "x/brand")
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


@contextmanager
def graph(shell: Shell, network: str) -> Iterator[tuple[httpx.Client, str]]:
    """Someone else with an account's key, and the account's id."""
    given = read(shell.state, "accounts")[f"{network}/brand"]
    keys = given["secrets"]
    token = keys["page_token" if network == "facebook" else "access_token"]
    headers = {"authorization": f"Bearer {token}"}
    proven = {"appsecret_proof": proof(token, keys["app_secret"])}
    field = "id" if network == "facebook" else "instagram_business_account{id,username}"
    with httpx.Client(base_url=f"{given['base_url']}/v26.0", headers=headers, params=proven) as client:
        me = client.get("/me", params={"fields": field}).json()
        yield client, me["id"] if network == "facebook" else me["instagram_business_account"]["id"]


def test_what_others_posted_on_a_page_and_on_instagram_is_told(shell: Shell, tmp_path: Path) -> None:
    """And what is ours is known as ours, its comment too."""
    picture = tmp_path / "p.jpg"
    Image.new("RGB", (400, 400), (9, 90, 160)).save(picture)
    shell.lend()
    to = ("--to", "facebook/brand", "--to", "instagram/brand")
    shell.run("post", "Ours", *to, "--image", str(picture), "--alt", "A square", "--comment", "First!")
    shell.run("run-due")
    with graph(shell, "facebook") as (client, page):
        client.post(f"/{page}/feed", json={"message": "By hand"}).raise_for_status()
    (shell.state / "media" / "x.jpg").write_bytes(picture.read_bytes())
    shown = re.search(r'public_url = "(.+)"', (shell.state / "media.toml").read_text())
    assert shown is not None
    with graph(shell, "instagram") as (client, account):
        made = client.post(f"/{account}/media", data={"image_url": f"{shown[1]}/x.jpg", "caption": "By hand"}).json()
        client.post(f"/{account}/media_publish", data={"creation_id": made["id"]}).raise_for_status()
    for network in ("facebook", "instagram"):
        found = json.loads(shell.run("accounts", "reconcile", f"{network}/brand", "--json", code=1))
        assert sorted(item["kind"] for item in found["findings"]) == ["foreign", "matched"], network
        said = shell.run("accounts", "reconcile", f"{network}/brand", code=1)
        assert "2 posts shown, 1 of them ours" in said
        assert "By hand" in said


def test_figures_are_shown(shell: Shell) -> None:
    """The newest of each part with what was added, and sums by account; without any, when to look again."""
    assert "read after 15 minutes" in shell.run("posts", "stats")
    shell.run("post", "Liked", "--to", "x/brand")
    shell.run("run-due")
    (post,) = [item for item in json.loads(shell.run("posts", "list", "--json")) if item["texts"] == ["Liked"]]
    database = connect(shell.home / "automator.db")
    part = [Readable(post["id"], 0, {})]
    for at, found in ((1_000_000, Metrics(3, 1, 0, 20)), (2_000_000, Metrics(5, 1, 0, 90))):
        keep(database, part, [found], at)
    database.close()
    said = shell.run("posts", "stats", "--account", "x/brand")
    figures = "likes 5 (+2), comments 1 (+0), shares 0 (+0), impressions 90 (+70)"
    assert said.count(figures) == 2
    assert f"x/brand: 1 in all; {figures}" in said
    found = json.loads(shell.run("posts", "stats", "--json"))
    assert found["posts"][0]["figures"] == {"likes": 5, "comments": 1, "shares": 0, "impressions": 90}
    assert found["totals"] == [
        {"account": "x/brand", "parts": 1, "figures": found["posts"][0]["figures"], "more": found["posts"][0]["more"]}
    ]
    assert "no figures" in shell.run("posts", "stats", "--since", "2098-01-01 00:00")
    assert "x/other is not connected" in shell.run("posts", "stats", "--account", "x/other", code=2)
