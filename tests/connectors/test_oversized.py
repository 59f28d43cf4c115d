"""A file that is too large for what stands before a provider."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from connectors.base import Kind, Operation, Outcome
from connectors.bluesky import connector as bluesky
from connectors.bluesky import outcomes as of_bluesky
from connectors.facebook import operations as facebook
from connectors.facebook import outcomes as of_facebook
from connectors.instagram import operations as instagram
from connectors.instagram import outcomes as of_instagram
from connectors.x import connector as x
from connectors.x import outcomes as of_x
from connectors.x import upload

Judge = Callable[[Operation, httpx.Response], Outcome]
ANSWER = b"<html><head><title>413 Request Entity Too Large</title></head></html>"


@pytest.mark.parametrize(
    ("judge", "operation"),
    [
        (of_x.judge, upload.APPEND),
        (of_bluesky.judge, bluesky.UPLOAD),
        (of_facebook.judge, facebook.PHOTO),
        (of_facebook.judge, facebook.UPLOAD),
        (of_instagram.judge, instagram.UPLOAD),
    ],
)
def test_a_file_that_is_too_large_is_not_sent_over_and_over(judge: Judge, operation: Operation) -> None:
    """Servers of many kinds say so in HTML, and go on saying it: the person hears of it while there is time."""
    outcome = judge(operation, httpx.Response(413, content=ANSWER))
    assert outcome.kind is Kind.REJECTED
    assert "larger than" in outcome.reason


@pytest.mark.parametrize(("judge", "operation"), [(of_x.judge, x.CREATE), (of_facebook.judge, facebook.CREATE)])
def test_a_post_is_not_called_refused_for_it(judge: Judge, operation: Operation) -> None:
    """It has no file, so that whoever answers so is not to be trusted: it is looked for."""
    assert judge(operation, httpx.Response(413, content=ANSWER)).kind is Kind.UNKNOWN
