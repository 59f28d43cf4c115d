"""What answers mean, as tables; an answer that proves nothing is unknown, whatever it looks like."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Kind, Outcome
from connectors.exchange.ways import ABSENT, CLOCK, TWICE
from connectors.registry import exchange

DATE = "Wed, 25 Nov 2026 10:00:00 GMT"
SIX = ("binance", "kraken", "coinbase", "bybit", "okx", "alpaca")


def judged(name: str, status: int, body: Any, *, what: str = "place", headers: dict[str, str] | None = None) -> Outcome:
    """What an answer means to an order, its cancellation, or a read."""
    connector = exchange(name)
    operation = {"place": connector.placing({}), "cancel": connector.canceling({})}.get(what)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = httpx.Response(status, content=content, headers={"date": DATE, **(headers or {})})
    return connector.judge(operation or connector.talk.operation(what), response)  # type: ignore[attr-defined]


def kraken(*errors: str) -> dict[str, Any]:
    return {"error": list(errors)}


def bybit(code: int, text: str = "") -> dict[str, Any]:
    return {"retCode": code, "retMsg": text, "result": {}}


def okx(code: str, outer: str = "1", words: str = "said") -> dict[str, Any]:
    return {"code": outer, "data": [{"clOrdId": "", "ordId": "", "sCode": code, "sMsg": words}], "msg": ""}


def coinbase(reason: str, **more: str) -> dict[str, Any]:
    return {"success": False, "error_response": {"error": reason, "message": "", **more}}


def alpaca(text: str) -> dict[str, Any]:
    return {"code": 40310000, "message": text}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("binance", {"code": -1013, "msg": "no \ud83d"}),
        ("okx", okx("51000", words="no \ud83d")),
        ("bybit", bybit(10001, "no \ud83d")),
        ("kraken", kraken("EOrder:no \ud83d")),
        ("alpaca", alpaca("no \ud83d")),
        ("alpaca-stocks", alpaca("no \ud83d")),
    ],
)
def test_words_that_were_cut_in_a_character_can_be_kept(name: str, body: Any) -> None:
    """No database takes half of one: the refusal was never stored, and the order stayed in doubt."""
    reason = judged(name, 400 if name in {"binance", "alpaca", "alpaca-stocks"} else 200, body).reason
    assert ("no ?" in reason, reason.encode().decode()) == (True, reason)


TABLE: list[tuple[str, int, Any, Kind, str]] = [
    ("binance", 400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}, Kind.REJECTED, "LOT_SIZE"),
    ("binance", 400, {"code": -1021, "msg": "Timestamp"}, Kind.LATER, CLOCK),
    ("binance", 400, {"code": -1015, "msg": "Too many new orders."}, Kind.LATER, "limit"),
    ("binance", 400, {"code": -1003, "msg": "Too many requests."}, Kind.LATER, "limit"),
    ("binance", 400, {"code": -1022, "msg": "Signature"}, Kind.REJECTED, "signature"),
    ("binance", 400, {"code": -2010, "msg": "Account has insufficient balance."}, Kind.REJECTED, "insufficient"),
    ("binance", 400, {"code": -2010, "msg": "Duplicate order sent."}, Kind.UNKNOWN, TWICE),
    ("binance", 200, {"orderId": 28}, Kind.OK, ""),
    ("kraken", 200, kraken("EOrder:Insufficient funds"), Kind.REJECTED, "Insufficient funds"),
    ("kraken", 200, kraken("EOrder:Rate limit exceeded"), Kind.LATER, "limit"),
    ("kraken", 200, kraken("EAPI:Rate limit exceeded"), Kind.LATER, "limit"),
    ("kraken", 200, kraken("EAPI:Invalid nonce"), Kind.LATER, "nonce"),
    ("kraken", 200, kraken("EAPI:Invalid key"), Kind.REJECTED, "key"),
    ("kraken", 200, kraken("EService: Throttled: 1764064800"), Kind.LATER, "throttling"),
    ("kraken", 200, kraken("EService:Unavailable"), Kind.UNKNOWN, ""),
    ("kraken", 200, kraken("EGeneral:Invalid arguments:cl_ord_id already in use"), Kind.UNKNOWN, TWICE),
    ("kraken", 200, kraken("EService:Timeout"), Kind.UNKNOWN, ""),
    ("kraken", 200, kraken("EGeneral:Internal error"), Kind.UNKNOWN, ""),
    ("kraken", 200, kraken("EService:Market in cancel_only mode"), Kind.REJECTED, "cancel_only"),
    ("kraken", 200, kraken("WGeneral:Danger"), Kind.UNKNOWN, ""),
    ("kraken", 200, {"error": [], "result": {"txid": []}}, Kind.UNKNOWN, "no order"),
    ("kraken", 200, {"error": [], "result": {"txid": ["O"]}}, Kind.OK, ""),
    ("coinbase", 200, coinbase("INSUFFICIENT_FUND"), Kind.REJECTED, "INSUFFICIENT_FUND"),
    ("coinbase", 200, coinbase("UNKNOWN_FAILURE_REASON"), Kind.UNKNOWN, ""),
    (
        "coinbase",
        200,
        coinbase("UNKNOWN_FAILURE_REASON", preview_failure_reason="PREVIEW_INVALID_PRICE"),
        Kind.REJECTED,
        "PREVIEW_INVALID_PRICE",
    ),
    ("coinbase", 400, {"error": "INVALID_ARGUMENT", "message": "wrong product"}, Kind.REJECTED, "wrong product"),
    ("coinbase", 401, b"Unauthorized\n", Kind.REJECTED, "key"),
    ("coinbase", 400, {"error": "INTERNAL"}, Kind.UNKNOWN, ""),
    ("coinbase", 200, {"success": True}, Kind.UNKNOWN, "no order"),
    ("bybit", 200, bybit(10002), Kind.LATER, CLOCK),
    ("bybit", 200, bybit(10006), Kind.LATER, "limit"),
    ("bybit", 403, b"403, access too frequent", Kind.LATER, "too many calls"),
    ("bybit", 403, b"<html>Access too frequent", Kind.LATER, "too many calls"),
    ("bybit", 403, b"<html>The distribution is configured to block access from your country", Kind.UNKNOWN, ""),
    ("bybit", 403, {"message": "access too frequent"}, Kind.LATER, "too many calls"),
    ("bybit", 200, bybit(10000), Kind.UNKNOWN, ""),
    ("bybit", 200, bybit(10016), Kind.UNKNOWN, ""),
    ("bybit", 200, bybit(170131, "Insufficient balance."), Kind.REJECTED, "Insufficient"),
    ("bybit", 200, bybit(170141, "Duplicate clientOrderId"), Kind.UNKNOWN, TWICE),
    ("bybit", 200, bybit(10003), Kind.REJECTED, "key"),
    ("bybit", 200, bybit(0), Kind.UNKNOWN, "no order"),
    ("okx", 200, okx("51008"), Kind.REJECTED, "said"),
    ("okx", 200, okx("51008", "0"), Kind.REJECTED, "said"),
    ("okx", 200, okx("51016"), Kind.UNKNOWN, TWICE),
    ("okx", 200, okx("50026"), Kind.UNKNOWN, ""),
    ("okx", 200, {"code": "50011", "msg": "Too Many Requests", "data": []}, Kind.LATER, "limit"),
    ("okx", 401, {"code": "50102", "msg": "Timestamp request expired", "data": []}, Kind.LATER, CLOCK),
    ("okx", 401, {"code": "50113", "msg": "Invalid Sign", "data": []}, Kind.REJECTED, "signature"),
    ("okx", 401, {"code": "50105", "msg": "passphrase", "data": []}, Kind.REJECTED, "key"),
    ("okx", 200, {"code": "0", "msg": "", "data": []}, Kind.UNKNOWN, "no order"),
    ("alpaca", 403, alpaca("insufficient buying power"), Kind.REJECTED, "buying power"),
    ("alpaca", 403, alpaca("forbidden."), Kind.REJECTED, "key"),
    ("alpaca", 422, alpaca("client_order_id must be unique"), Kind.UNKNOWN, TWICE),
    ("alpaca", 422, alpaca("qty must be > 0"), Kind.REJECTED, "qty"),
    ("alpaca", 200, {"client_order_id": "a"}, Kind.UNKNOWN, "no order"),
    # words that prove nothing outweigh a code that stands among refusals
    ("okx", 200, okx("51054", words="Getting information timed out."), Kind.UNKNOWN, "timed out"),
    ("kraken", 200, kraken("EOrder:Internal error"), Kind.UNKNOWN, "Internal error"),
    (
        "bybit",
        200,
        bybit(10007, "Response timeout from backend server. Delivery and request status unknown."),
        Kind.UNKNOWN,
        "timeout",
    ),
    (
        "coinsph",
        400,
        {"code": -1000, "msg": "An unknown error occured while processing the request."},
        Kind.UNKNOWN,
        "",
    ),
    ("coinsph", 400, {"code": -1146, "msg": "Order creation timeout"}, Kind.UNKNOWN, "timeout"),
    ("coinbase", 400, {"error": "unknown", "message": "internal"}, Kind.UNKNOWN, "internal"),
    ("kraken", 200, {"error": "Service unavailable"}, Kind.UNKNOWN, "Service unavailable"),
    ("binance", 451, {"code": 0, "msg": "Service unavailable from a restricted location"}, Kind.REJECTED, "the place"),
    # gRPC's codes, of which only some say that nothing was done
    ("coinbase", 409, {"error": "ABORTED", "message": ""}, Kind.UNKNOWN, "ABORTED"),
    ("coinbase", 499, {"error": "CANCELLED", "message": ""}, Kind.UNKNOWN, "CANCELLED"),
    ("coinbase", 409, {"error": "ALREADY_EXISTS", "message": ""}, Kind.UNKNOWN, TWICE),
    ("coinbase", 400, {"error": "FAILED_PRECONDITION", "message": "no"}, Kind.REJECTED, "no"),
    ("okx", 200, okx("51000", words="CLIENT_ID_ALREADY_USED"), Kind.UNKNOWN, TWICE),
    # an order that is only being placed can't be missing
    ("alpaca", 404, alpaca("asset not found for XYZ"), Kind.REJECTED, "asset not found"),
    ("coinbase", 404, {"error": "NOT_FOUND", "message": "no such product"}, Kind.REJECTED, "no such product"),
    # whose fault it is, is said in the exchange's words too
    ("okx", 401, {"code": "50110", "msg": "Your IP 10.0.0.1 is not linked", "data": []}, Kind.REJECTED, "10.0.0.1"),
    ("bybit", 200, bybit(10027, "Trading Banned"), Kind.REJECTED, "Trading Banned"),
    ("kraken", 200, kraken("EAccount:Invalid permissions:X trading restricted for US:TX."), Kind.REJECTED, "US:TX"),
    ("kraken", 200, kraken("EAuth:Account temporary disabled"), Kind.UNKNOWN, "temporary disabled"),
    ("kraken", 200, kraken("EOrder:Domain rate limit exceeded"), Kind.LATER, "limit"),
    ("bybit", 200, bybit(170222, "Too many requests in this time frame."), Kind.LATER, "limit"),
    ("bybit", 200, bybit(10403, "Exceeded IP rate limit"), Kind.LATER, "too many calls"),
    ("binance", 400, {"code": -1016, "msg": "This service is no longer available."}, Kind.LATER, "no longer"),
    ("binance", 400, {"code": -1211, "msg": "Invalid peg."}, Kind.REJECTED, "peg"),
    # one that has no row: what ccxt is sure of, and an id under any of its names
    ("kucoin", 200, {"code": "200000", "data": {"orderId": "5bd6e9286d99522a52e458de"}}, Kind.OK, ""),
    ("kucoin", 200, {"code": "200004", "msg": "Balance insufficient"}, Kind.REJECTED, "Balance insufficient"),
    ("kucoin", 200, {"code": "200000", "data": {}}, Kind.UNKNOWN, "no order"),
    ("kucoin", 200, {"code": "999999", "msg": "something new"}, Kind.UNKNOWN, ""),
    ("kucoin", 200, {"code": "400100", "msg": "clientOid already exists"}, Kind.UNKNOWN, TWICE),
    ("upbit", 200, {"success": False, "uuid": "1"}, Kind.UNKNOWN, "no order"),
    ("poloniex", 200, {"status": "error", "id": "1"}, Kind.UNKNOWN, "no order"),
    ("bitstamp", 200, {"id": 1234123412341234, "price": "1"}, Kind.OK, ""),
    ("cryptocom", 200, {"id": 11, "code": 0, "result": {"order_id": "18342311"}}, Kind.OK, ""),
]


@pytest.mark.parametrize(("name", "status", "body", "kind", "reason"), TABLE)
def test_an_order_s_answer(name: str, status: int, body: Any, kind: Kind, reason: str) -> None:
    """Each documented refusal is one, each doubt is one, and a person is told why."""
    outcome = judged(name, status, body)
    assert (outcome.kind, reason in outcome.reason) == (kind, True), outcome
    assert (kind is Kind.OK) == bool(outcome.result)


def test_the_id_is_the_order_s() -> None:
    """Some answers have an id of the call's own too, by which nothing could be cancelled."""
    assert (
        judged("cryptocom", 200, {"id": 11, "code": 0, "result": {"order_id": "18342311"}}).result["id"] == "18342311"
    )
    assert judged("gate", 201, {"id": "12332324", "text": "t-1"}).result["id"] == "12332324"


@pytest.mark.parametrize("name", [*SIX, "kucoin"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"a": '),
        (524, b""),
        (500, b"{}"),
        (502, b"<h1>"),
    ],
)
def test_no_answer(name: str, status: int, body: bytes) -> None:
    """Nothing, HTML, half of an answer, or a failing exchange: an order may be there all the same."""
    assert judged(name, status, body).kind is Kind.UNKNOWN


@pytest.mark.parametrize("name", [*SIX, "kucoin"])
@pytest.mark.parametrize("status", [418, 429])
def test_bans(name: str, status: int) -> None:
    """They last as long as the exchange says."""
    outcome = judged(name, status, b"<html>", headers={"retry-after": "90"})
    assert outcome.kind is Kind.LATER
    assert outcome.until == datetime(2026, 11, 25, 10, 0, tzinfo=UTC) + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("status", "body", "ends"),
    [
        (429, {"code": -1003, "msg": "Too much request weight used."}, timedelta(minutes=1)),
        (429, {"code": -1015, "msg": "Too many new orders."}, timedelta(seconds=10)),
        (429, b"<html>", timedelta(seconds=1)),
        (418, b"<html>", timedelta(minutes=2)),
        (418, {"code": -1003, "msg": "Way too many requests; IP banned until 1795601400000."}, timedelta(minutes=10)),
        (418, {"code": -1003, "msg": "Way too many requests; IP banned until ever."}, timedelta(minutes=2)),
    ],
)
def test_a_limit_that_no_header_ends(status: int, body: Any, ends: timedelta) -> None:
    """Binance bans for up to three days whoever goes on asking while a minute's weight is used up."""
    assert judged("binance", status, body).until == datetime(2026, 11, 25, 10, 0, tzinfo=UTC) + ends


def test_an_address_that_is_shut_out_waits() -> None:
    """Bybit says for how long in its documentation, not in its answer."""
    for body in (b"403, access too frequent", b'{"message": "access too frequent"}'):
        assert judged("bybit", 403, body).until == datetime(2026, 11, 25, 10, 10, tzinfo=UTC)


def test_a_cancellation_that_failed() -> None:
    """Coinbase says of each order in a list what became of it; Alpaca says nothing at all when it worked."""
    refused = {"results": [{"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": "1"}]}
    assert judged("coinbase", 200, refused, what="cancel").reason == ABSENT
    twice = {"results": [{"success": False, "failure_reason": "DUPLICATE_CANCEL_REQUEST", "order_id": "1"}]}
    assert judged("coinbase", 200, twice, what="cancel").kind is Kind.REJECTED
    assert judged("alpaca", 204, b"", what="cancel").kind is Kind.OK
    assert judged("alpaca", 204, b"").kind is Kind.UNKNOWN
    assert judged("alpaca", 422, alpaca("order is not cancelable"), what="cancel").kind is Kind.REJECTED


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("binance", 400, {"code": -2013, "msg": "Order does not exist."}),
        ("binance", 400, {"code": -2011, "msg": "Unknown order sent."}),
        ("kraken", 200, kraken("EOrder:Unknown order")),
        ("coinbase", 404, {"error": "NOT_FOUND", "message": "order not found"}),
        ("bybit", 200, bybit(170213, "Order does not exist.")),
        ("bybit", 200, bybit(110001, "Order does not exist")),
        ("okx", 200, okx("51603")),
        ("okx", 200, okx("51400")),
        ("alpaca", 404, alpaca("order not found for 61e69015")),
    ],
)
@pytest.mark.parametrize("what", ["cancel", "order.find"])
def test_an_order_that_is_not_there(name: str, status: int, body: Any, what: str) -> None:
    """Whoever cancels it or asks for it is told so in one way."""
    assert judged(name, status, body, what=what) == Outcome(Kind.REJECTED, ABSENT)


@pytest.mark.parametrize("what", ["cancel", "order.find"])
def test_a_page_that_is_not_there_is_no_order_that_is_not_there(what: str) -> None:
    """Whatever stands before Alpaca says 404 too, of orders that are there."""
    for said in ({"message": "no Route matched with those values"}, {"message": "endpoint not found"}, {"code": 404}):
        outcome = judged("alpaca", 404, said, what=what)
        assert outcome.reason != ABSENT
        assert outcome.kind is not Kind.OK


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("bybit", bybit(170131, "Insufficient balance.")),
        ("bybit", bybit(170131, "Balance insufficient ")),
        ("bybit", bybit(110004, "Wallet balance is insufficient")),
        ("okx", okx("51008", words="Order failed. Insufficient USDT balance in account.")),
        ("kraken", kraken("EOrder:Insufficient funds")),
        ("coinbase", coinbase("INSUFFICIENT_FUND")),
    ],
)
def test_what_is_not_there_is_not_asked_for_on_and_on(name: str, body: Any) -> None:
    """A balance that is missing stays so until a person acts, in whatever order the words stand."""
    assert judged(name, 200, body).lasting


def test_a_cancellation_of_which_coinbase_does_not_know_why_it_failed() -> None:
    """It may have been made all the same."""
    said = {"results": [{"success": False, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": "1"}]}
    assert judged("coinbase", 200, said, what="cancel").kind is Kind.UNKNOWN


def test_an_order_that_is_archived_is_none() -> None:
    """Binance shows none that was cancelled unfilled ninety days ago; that keeps the others from being looked at no more."""
    archived = {"code": -2026, "msg": "Order was canceled or expired with no executed qty over 90 days ago."}
    assert judged("binance", 400, archived, what="order.find").reason == ABSENT


def test_what_is_read_is_refused_or_not_by_the_code_alone() -> None:
    """Only of an order does anything hang on words like "timeout"."""
    assert judged("okx", 200, okx("51054", words="timed out"), what="book").kind is Kind.REJECTED


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["code", "data", "result", "error", "retCode", "sCode", "results", "msg"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from([*SIX, "kucoin"]), st.sampled_from([200, 201, 302, 400, 401, 403, 404, 422]), _json | st.binary()
)
def test_nothing_makes_it_fail(name: str, status: int, body: Any) -> None:
    """No answer makes the judge fail, and none without an order's id is taken for an order."""
    outcome = judged(name, status, body)
    assert outcome.kind in Kind
    assert outcome.kind is not Kind.OK or outcome.result.get("id")
