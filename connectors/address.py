"""Addresses that a person names: keys go only over https, or over http on this machine."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from connectors.base import LOOPBACK

DEFAULT = {"https": 443, "http": 80}


def checked(url: str) -> str:
    """The address as it was given.

    Raises:
        ValueError: keys may not go there; one clause for a person, without the address.
    """
    _parts(url)
    return url


def origin(url: str) -> str:
    """A server's address: ``https://host`` or ``https://host:8443``, however it was written.

    Raises:
        ValueError: as ``checked``, or it names more than a server.
    """
    parts = _parts(url)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("it must name a server and nothing on it, such as https://example.org")
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    port = "" if parts.port in {None, DEFAULT[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - looked at, it tells whether it is a number
    except ValueError:
        raise ValueError("it is no address; write one such as https://example.org") from None
    if parts.username or parts.password:
        raise ValueError("an address with a user name or password in it would put them on the record")
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not parts.hostname or not safe:
        raise ValueError("it must begin with https:// and name a host (http only on this machine)")
    if not parts.hostname.isascii() or any(letter.isspace() for letter in url):
        raise ValueError("it must be written in ASCII, without spaces (the host in its xn-- form)")
    return parts
