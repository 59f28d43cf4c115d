"""Orders of others, and those in doubt, as a person settles them: on a small exchange over real sockets."""

from __future__ import annotations

import json

import pytest

from tests.cli.desk import Desk, desk
from tests.trade.exchange import KEY

__all__ = ["desk"]


def test_orders_of_others_are_shown_and_left_alone(desk: Desk) -> None:
    """Someone else's order is no business of ours, but a person's."""
    elsewhere = Desk(desk.home.parent / "elsewhere")
    elsewhere.run("init", "--vault", "file")
    add = ("accounts", "add", "tiny/main", "--base-url", desk.venue.url, "--scope", "read", "--scope", "trade")
    elsewhere.run(*add, "--secret-stdin", given=json.dumps({"key": KEY}))
    elsewhere.place("buy", "--amount", "0.1", "--price", "28000")
    desk.place("buy", "--amount", "0.1", "--price", "29000")
    said = desk.run("accounts", "reconcile", "tiny/main", code=1)
    assert "not in our records: buy 0.1 BTC/USDT at 28000 (1)" in said
    assert "BTC      1.5 free, 0 in orders" in said
    seen = json.loads(desk.run("accounts", "reconcile", "tiny/main", "--json", code=1))
    assert [item["id"] for item in seen["foreign"]] == ["1"]
    desk.run("halt", "--cancel-orders")
    assert [item["state"] for item in desk.venue.world()["orders"]] == ["open", "cancelled"]


def test_a_lost_answer_is_settled_by_asking(desk: Desk) -> None:
    """The command waits for it, and nothing is sent a second time."""
    desk.venue.put(faults=["filled-then-lost"])
    assert "filled, 0.1 filled" in desk.place("buy", "--amount", "0.1")
    desk.venue.put(faults=["lost-before"])
    assert "not placed  (it did not reach the exchange)" in desk.place("buy", "--amount", "0.1", code=1)
    assert len(desk.venue.world()["arrived"]) == 2


def test_an_order_that_vanishes_is_settled_by_a_person(desk: Desk) -> None:
    """It was accepted, and is shown no longer: what to type is said, and it stands in the way of nothing then."""
    desk.place("buy", "--amount", "0.1", "--price", "29000")
    (order,) = desk.orders()
    name = order["id"][:8]
    assert "as order 1; that is what it is taken for" in desk.run("orders", "resolve", name, "--gone", code=1)
    desk.venue.put(forget=True)
    assert f"`automator orders resolve {name} --gone`" in desk.run("accounts", "reconcile", "tiny/main", code=1)
    assert "nothing to settle" in desk.run("orders", "resolve", name, "--not-placed", code=1)
    assert "is settled" in desk.run("orders", "resolve", name, "--gone")
    assert [item["state"] for item in desk.orders()] == ["cancelled"]
    assert desk.run("accounts", "reconcile", "tiny/main")


def test_all_orders_of_a_test_network_that_began_anew_are_settled_at_once(desk: Desk) -> None:
    """What to type is said; the one that is there after all stays open, and the others end all the same."""
    for price in ("28000", "28100", "28200"):
        desk.place("buy", "--amount", "0.1", "--price", price)
    desk.venue.put(forget=True)
    desk.place("buy", "--amount", "0.1", "--price", "28300")
    *lost, there = [order["id"][:8] for order in sorted(desk.orders(), key=lambda order: order["price"])]
    said = desk.run("accounts", "reconcile", "tiny/main", code=1)
    line = said.partition("if all of them have ended")[2].splitlines()[1]
    assert set(line.strip("` ").removesuffix(" --gone").split()[3:]) == set(lost)
    said = desk.run("orders", "resolve", *lost, there, "--gone", code=1)
    assert [f"{name} is settled" in said for name in (*lost, there)] == [True, True, True, False]
    assert sorted(order["state"] for order in desk.orders()) == ["cancelled"] * 3 + ["open"]
    assert "--there names one order" in desk.run("orders", "resolve", *lost, "--there", "1", code=2)


@pytest.mark.parametrize("desk", [3_600.0], indirect=True)
@pytest.mark.parametrize(("word", "state"), [(("--there", "1"), "filled"), (("--not-placed",), "not_placed")])
def test_an_order_in_doubt_is_settled_by_a_person(desk: Desk, word: tuple[str, ...], state: str) -> None:
    """The exchange does not show it, and a trade that may be its own: the notice says what to type, and it works once."""
    desk.venue.put(faults=["hidden"])
    said = desk.place("buy", "--amount", "0.1", code=1)
    (order,) = desk.orders()
    assert f"`automator orders resolve {order['id'][:8]} --there ORDER` or `--not-placed`" in said
    assert "does not say whether buy 0.1 BTC/USDT was placed" in desk.run("notices")
    assert [item["id"] for item in json.loads(desk.run("orders", "list", "--state", "unconfirmed", "--json"))] == [
        order["id"]
    ]
    assert f"unconfirmed: {order['id'][:8]} buy 0.1 BTC/USDT" in desk.run("accounts", "reconcile", "tiny/main", code=1)
    assert "1 order is unconfirmed; `automator orders list --state unconfirmed`" in desk.run("doctor", code=None)
    assert "no order 7 of BTC/USDT" in desk.run("orders", "resolve", order["id"][:8], "--there", "7", code=1)
    assert "is settled" in desk.run("orders", "resolve", order["id"][:8], *word)
    assert "nothing to settle" in desk.run("orders", "resolve", order["id"][:8], *word, code=1)
    assert [item["state"] for item in desk.orders()] == [state]
    assert len(desk.venue.world()["arrived"]) == 1
