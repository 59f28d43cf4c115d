"""The media host's signatures: as AWS's own library makes them, and as a store that others wrote takes them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest

from automator.engine import Engine
from automator.home import Home
from automator.hosting import host as hosting
from automator.hosting.sigv4 import Signer
from connectors.network import Rejected
from tests.hosting.installed import begun, ended, picture, place

pytestmark = pytest.mark.peer
AT = datetime(2026, 11, 25, 6, 30, 15, tzinfo=UTC)
KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
ADDRESSES = (
    "https://s3.eu-central-1.amazonaws.com/media/0a1b.jpg",
    "https://media.s3.amazonaws.com/0a1b.jpg",
    "http://127.0.0.1:9000/media/a%20b/%C3%A9~-_.jpg",
    "https://store.example:8443/b/x?versionId=a%2Fb&partNumber=1",
)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("url", ADDRESSES)
def test_a_signature_is_the_one_of_the_official_library(method: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every method, host, port, path and query."""
    auth = pytest.importorskip("botocore.auth")
    credentials = pytest.importorskip("botocore.credentials")
    request = pytest.importorskip("botocore.awsrequest").AWSRequest(method, url, data=b"content")
    monkeypatch.setattr(auth, "get_current_datetime", lambda **_: AT.replace(tzinfo=None))
    auth.S3SigV4Auth(credentials.Credentials("AKIDEXAMPLE", "secret/+"), "s3", "eu-central-1").add_auth(request)
    digest = request.headers["X-Amz-Content-SHA256"]
    ours = Signer("AKIDEXAMPLE", "secret/+", "eu-central-1").headers(method, httpx.URL(url), digest, AT)
    assert ours["authorization"] == request.headers["Authorization"]


@pytest.fixture
def store() -> Iterator[str]:
    """A store, with one bucket that anybody may read."""
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


async def test_a_store_that_others_wrote_takes_and_shows_what_is_put_there(store: str, tmp_path: Path) -> None:
    """Put, fetched by anybody, overwritten, deleted."""
    boto = pytest.importorskip("boto3").client("s3", endpoint_url=store, **KEYS, region_name="us-east-1")
    boto.create_bucket(Bucket="media", ACL="public-read")
    policy = (
        '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::media/*"}]}'
    )
    boto.put_bucket_policy(Bucket="media", Policy=policy)
    home = Home(tmp_path / "home")
    settings = f'[media]\nkind = "s3"\nendpoint = "{store}"\nbucket = "media"\npublic_url = "{store}/media"\n'
    async with Engine(home, place(home, settings)) as engine:
        assert engine.media is not None
        hosting.set_key(engine.store, "a", "b")
        assert await engine.media.trouble() == ""
        run = await begun(engine)
        url = await engine.media.host(picture(tmp_path), run)
        assert url == await engine.media.host(picture(tmp_path), run)
        name = url.rpartition("/")[2]
        head = boto.head_object(Bucket="media", Key=name)
        assert (head["ContentType"], head["ContentLength"]) == ("image/jpeg", 12)
        await ended(engine)
        assert await engine.media.sweep() == 0
        assert boto.list_objects_v2(Bucket="media")["KeyCount"] == 0


async def test_a_store_that_checks_signatures_takes_those_of_the_right_key_alone(store: str, tmp_path: Path) -> None:
    """Put and deleted with it; with another secret the sentence says which key is meant, and nothing is there."""
    client = partial(pytest.importorskip("boto3").client, endpoint_url=store, **KEYS, region_name="us-east-1")
    boto, people = client("s3"), client("iam")
    boto.create_bucket(Bucket="checked")
    people.create_user(UserName="host")
    allowed = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    people.put_user_policy(UserName="host", PolicyName="all", PolicyDocument=allowed)
    key = people.create_access_key(UserName="host")["AccessKey"]
    home = Home(tmp_path / "home")
    settings = f'[media]\nkind = "s3"\nendpoint = "{store}"\nbucket = "checked"\npublic_url = "{store}/checked"\n'
    async with Engine(home, place(home, settings)) as engine:
        assert engine.media is not None
        run = await begun(engine)
        with pytest.importorskip("moto.core.authorization").enable_iam_authentication():
            hosting.set_key(engine.store, key["AccessKeyId"], "another")
            with pytest.raises(Rejected, match="does not accept the secret key"):
                await engine.media.host(picture(tmp_path), run)
            hosting.set_key(engine.store, key["AccessKeyId"], key["SecretAccessKey"])
            await engine.media.host(picture(tmp_path), run)
        assert boto.list_objects_v2(Bucket="checked")["KeyCount"] == 1
        await ended(engine)
        with pytest.importorskip("moto.core.authorization").enable_iam_authentication():
            assert await engine.media.sweep() == 0
        assert boto.list_objects_v2(Bucket="checked")["KeyCount"] == 0
