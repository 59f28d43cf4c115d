"""Which media host the settings name."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from automator.clock import Clock
from automator.db import Writer
from automator.egress.stack import Client
from automator.hosting.bucket import Bucket
from automator.hosting.folder import Folder
from automator.hosting.host import MediaHost, Place
from automator.settings import Media
from automator.vault.store import Store


def choose(  # noqa: PLR0913, PLR0917 - each is one thing it needs
    settings: Media, store: Store, http: Client, writer: Writer, reader: sqlite3.Connection, clock: Clock
) -> MediaHost | None:
    """The media host; ``None`` if none is set."""
    public = settings.public_url.rstrip("/")
    at: Place
    match settings.kind:
        case "none":
            return None
        case "folder":
            at = Folder(Path(settings.folder), public)
        case "s3":
            endpoint = settings.endpoint.rstrip("/")
            at = Bucket(f"{endpoint}/{settings.bucket}" if settings.bucket else endpoint, public, http)
    region = settings.region if settings.kind == "s3" else ""
    return MediaHost(at, region, store, http, writer, reader, clock)
