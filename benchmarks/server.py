"""A server that answers every request at once with a small JSON body, and remembers when each came."""

from __future__ import annotations

import asyncio
import json
import sys
import time

BODY = b'{"id": "1234567890", "data": {"id": "1234567890", "text": "' + b"x" * 60 + b'"}}'
ANSWER = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)

seen: list[tuple[float, bytes]] = []


class Answer(asyncio.Protocol):
    """Answers when a whole request is in."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        self.began = 0.0

    def data_received(self, data: bytes) -> None:
        if not self.buffer:
            self.began = time.time()
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n")[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            seen.append((self.began, self.buffer[end + 4 : end + 4 + length]))
            self.buffer = self.buffer[end + 4 + length :]
            self.transport.write(ANSWER)


def told(word: str) -> str:
    if word == "count":
        return str(len(seen))
    found = [(at, body.decode(errors="replace")) for at, body in seen]
    seen.clear()
    return json.dumps(found)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    served = await loop.create_server(Answer, "127.0.0.1", 0)
    print(served.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(told(line.strip()), flush=True)
    served.close()


if __name__ == "__main__":
    asyncio.run(serve())
