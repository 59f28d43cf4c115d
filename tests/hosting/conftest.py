"""Installations with a media host of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hosting.installed import There, installed


@pytest.fixture(params=["folder", "s3"])
async def there(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[There]:
    async with installed(tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def s3(tmp_path: Path) -> AsyncIterator[There]:
    async with installed(tmp_path, "s3") as made:
        yield made


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[There]:
    async with installed(tmp_path, "folder") as made:
        yield made
