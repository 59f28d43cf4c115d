"""Every request that we build for Facebook, against what Meta publishes; and proof that a wrong one is found out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from automator.ledger.chain import read_body
from connectors.base import Intent
from connectors.facebook import operations as ops
from connectors.facebook.connector import DIRECT
from connectors.graph.proof import UPLOADS
from connectors.post import Form, Media, Part
from connectors.staging import Left
from tests.connectors.facebook.conftest import Place
from tests.connectors.facebook.contract import SPECS, Asked, faults, taken_apart
from tests.connectors.facebook.test_connecting import REDIRECT, said_yes, with_keys

pytestmark = pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")
CAUGHT = 0.95


async def everything(place: Place, picture: Callable[..., Media], film: Callable[..., Media]) -> None:
    """Use every operation of the connector, as the service and the commands do."""
    staged = await place.publish("1", Part("See https://example.com/a", ()))
    pictures = (picture("a.png", "One", 1), picture("b.png", "Two", 2))
    await place.publish("2", Part("Pictures", pictures))
    await place.publish("3", Part("A comment", (picture("c.png", "Three", 3),), Form.COMMENT), [staged])
    moving = await place.publish("4", Part("Moving", (film(1_000),)))
    for number, (form, media) in enumerate(
        [(Form.REEL, film(10)), (Form.STORY, film(10)), (Form.STORY, picture("d.png", "Four", 4))], 5
    ):
        plan = await place.plan(Part("Short", (media,), form))
        await place.send(str(number), plan)
        await place.network.find(place.session, plan)
    unseen = await place.plan(Part("Unseen"))
    assert await place.network.discard(place.session, Left(unseen["path"], "post"))
    place.chosen = {"publishing": DIRECT}
    for key, part in (("8", Part("See https://example.org/")), ("9", Part("More", (picture("e.png", "Five", 5),)))):
        plan = await place.plan(part)
        await place.send(key, plan)
        await place.network.find(place.session, plan)
    await place.network.find(place.session, await place.plan(Part("None", form=Form.COMMENT), [staged]))
    for key, result in (("p", staged), ("v", moving)):
        changed = {"published": dict(result), "text": "After"}
        await place.network.edit(place.session, Intent(f"e{key}", changed))
        await place.network.locate(place.session, result)
        await place.network.metrics(place.session, [result])
    await place.network.recent(place.session, place.clock() - timedelta(minutes=5))
    await place.network.delete(place.session, Intent("d", {"published": dict(staged)}))
    place.chosen = {}
    await place.network.test(place.session)
    app = place.keys["app_id"]
    place.world.apps["77"] = replace(place.world.apps[app], id="77")
    keys = {"app_id": "77", "authorization_code": await said_yes(place.session.base)}
    await place.network.exchange(signing_in(place, keys), REDIRECT)


def signing_in(place: Place, keys: dict[str, str]) -> Any:
    """A session that keeps what a sign-in brings."""
    held = {**place.keys, **keys}

    async def keep(fresh: Any, _: Any) -> dict[str, str]:
        held.update(fresh)
        return dict.fromkeys(fresh, "[token]")

    session = with_keys(place)
    return replace(session, account=replace(session.account, secrets=lambda: dict(held), keep=keep))


def recorded(place: Place) -> Iterator[tuple[Asked, dict[str, str]]]:
    """What left, taken apart, with its headers."""
    rows = place.engine.reader.execute(
        "SELECT seq, operation, said(data) FROM entry WHERE kind = 'call' ORDER BY seq"
    ).fetchall()
    for seq, operation, data in rows:
        call = json.loads(data)
        body = read_body(place.engine.reader, seq, call["body"])
        headers = {name.lower(): value for name, value in call["headers"]}
        yield taken_apart(operation, call["method"], "/" + call["url"].split("/", 3)[3], headers, body or b""), headers


async def test_every_request_is_one_that_meta_describes(
    place: Place, picture: Callable[..., Media], film: Callable[..., Media]
) -> None:
    """All operations: no unknown field, no wrong type, nothing missing; and at least 95 % of all mistakes would show."""
    await everything(place, picture, film)
    seen = list(recorded(place))
    every = {operation.name for operation in vars(ops).values() if isinstance(operation, type(ops.CREATE))}
    assert {asked.operation for asked, _ in seen} == every
    files = [headers for asked, headers in seen if asked.path.startswith(UPLOADS)]
    assert [{name: headers[name] for name in ("offset", "file_size")} for headers in files] == [
        {"offset": "0", "file_size": "10"}
    ] * 2  # the reels collection's own headers
    checked = [asked for asked, _ in seen if not asked.path.startswith(UPLOADS)]
    assert [(asked.operation, said) for asked in checked if (said := faults(asked))] == []
    mutants = [mutant for asked in checked for mutant in mutated(asked)]
    missed = [f"{asked.operation}: {how}" for asked, how in mutants if not faults(asked)]
    assert len(mutants) > 150
    assert len(missed) <= (1 - CAUGHT) * len(mutants), missed


def mutated(asked: Asked) -> Iterator[tuple[Asked, str]]:
    """The request with one field changed: renamed, dropped, of a wrong type; inner fields too."""
    for name, value in asked.params.items():
        others = {key: item for key, item in asked.params.items() if key != name}
        yield replace(asked, params=others), f"without {name}"
        renamed = {f"{name}x": value, **others}
        yield replace(asked, params=renamed), f"{name} renamed"
        yield replace(asked, params={**others, name: wrong(value, json=asked.json)}), f"{name} of a wrong type"
        if isinstance(value, list):
            for inner in ([{}], [{"media_id": "1"}], [{"media_fbid": 1}], ["1"], []):
                yield replace(asked, params={**others, name: inner}), f"{name} as {inner}"


def wrong(value: Any, *, json: bool) -> Any:
    """Something that the value can't be. Text takes the place of text only where nothing else could come."""
    match value:
        case bool() | int():
            return "maybe"
        case str() if json:
            return 5
        case bytes():
            return "no file"
        case list() | dict():
            return "x"
        case _:
            return "!"
