"""Changing the text of what is published, where its network lets that be."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from automator.clock import micros
from automator.engine import Engine
from automator.ledger import chain
from automator.posting.posts import Listed
from connectors.answer import accepted
from connectors.base import Intent
from connectors.network import Rejected
from connectors.post import Part
from connectors.words import counted
from jobs.posting.deliver import dump


async def amend(engine: Engine, post: Listed, parts: Sequence[Part]) -> int:
    """Give the parts of a published post other texts; returns how many were changed, each an event.

    Raises:
        Rejected: the network does not let it, or the parts are not the published ones; what was changed before stays.
        connectors.base.NotNow: not now.
        connectors.base.CallRefused: the account may not.
    """
    if len(parts) != len(post.parts) or len(post.results) != len(post.parts):
        raise Rejected(f"{counted(len(post.results), 'part')} went out; texts can be changed, not how many there are")
    session, network = engine.session(post.account, {"command": "posts edit", "delivery": post.id})
    stands, changed = list(post.parts), 0
    for number, (before, after) in enumerate(zip(post.parts, parts, strict=True)):
        if before.text == after.text:
            continue
        plan = {"published": dict(post.results[number]), "text": after.text}
        accepted(await network.edit(session, Intent(f"edit/{post.id}/{number}/{secrets.token_hex(8)}", plan)))
        stands[number] = replace(before, text=after.text)
        await engine.writer.run(lambda tx, number=number: _note(tx, engine, post, stands, number))  # type: ignore[misc]
        changed += 1
    return changed


def _note(tx: sqlite3.Connection, engine: Engine, post: Listed, parts: Sequence[Part], number: int) -> None:
    tx.execute("UPDATE delivery SET parts = ? WHERE id = ?", (dump(parts), post.id))
    said = {"what": "edited", "delivery": post.id, "actor": "user", "published": True, "part": number + 1}
    chain.append(tx, "event", micros(engine.clock.now()), said | {"texts": [part.text for part in parts]})
