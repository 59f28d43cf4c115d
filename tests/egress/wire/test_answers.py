"""Over real sockets: any whole answer is handed on as it is, to one request."""

from __future__ import annotations

import httpx
import pytest

from tests.egress.wire.peer import ANSWER, VERBS, after_body, send, serving

WHOLE = {
    "empty": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "HTML": (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>", b"<html>"),
    "ended by the connection": (b"HTTP/1.1 200 OK\r\n\r\nok", b"ok"),
    "in pieces": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
    **{
        str(status): (b"HTTP/1.1 %d Trouble\r\ncontent-length: 2\r\n\r\nno" % status, b"no")
        for status in (400, 401, 403, 404, 409, 418, 429, 500, 502, 503, 504)
    },
    **{
        str(status): (b"HTTP/1.1 %d Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n" % status, b"")
        for status in (301, 302, 303, 307, 308)
    },
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("case", WHOLE)
async def test_any_whole_answer_is_handed_on(base: httpx.AsyncBaseTransport, verb: str, case: str) -> None:
    """Errors, empty answers, HTML and redirects are for the layers above; nothing is followed or tried again."""
    answer, body = WHOLE[case]
    async with serving(after_body(answer)) as peer:
        found = await send(base, verb, peer.url)
        assert found == (int(answer.split()[1]), b"" if verb == "HEAD" else body)
        assert peer.requests == 1


async def test_an_answer_to_head_is_whole_without_the_body_that_it_tells_of(base: httpx.AsyncBaseTransport) -> None:
    """Its length is that of what GET would bring."""
    async with serving(after_body(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")) as peer:
        assert await send(base, "HEAD", peer.url) == (200, b"")
        assert peer.requests == 1


async def test_what_is_sent_is_what_was_asked(base: httpx.AsyncBaseTransport) -> None:
    """No header is added that the record does not show, but for the connection's own."""
    async with serving(after_body(ANSWER)) as peer:
        await send(base, "POST", peer.url)
        names = {line.split(b":")[0].lower() for line in peer.heads[0].split(b"\r\n")[1:] if line}
        assert names <= {b"host", b"content-length", b"connection"}
