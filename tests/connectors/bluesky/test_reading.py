"""What the network's view says of posts, and records that others have written oddly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.bluesky.tid import earliest, tid
from connectors.bluesky.twin import WORLD
from connectors.network import Metrics
from connectors.post import Part
from tests.connectors.bluesky.conftest import HANDLE, World

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as asked
SPANS = st.timedeltas(timedelta(microseconds=1), timedelta(days=9999))


async def test_figures_come_in_the_order_asked(world: World) -> None:
    """Reposts and quotes are shares; what is gone has none; an address by handle is the same post."""
    one, two = await world.publish("1", Part("One")), await world.publish("2", Part("Two"))
    counts = {"likeCount": 5, "replyCount": 4, "repostCount": 3, "quoteCount": 2, "bookmarkCount": 9}
    world.app[WORLD].figures[two["uri"]] = counts
    by_handle = {"uri": two["uri"].replace(two["uri"].split("/")[2], HANDLE)}
    gone = {"uri": f"{one['uri'][:-13]}2222222222222"}
    wanted, plain = Metrics(5, 4, 5), Metrics(0, 0, 0)
    asked = [by_handle, gone, one, *[two] * 30]
    assert await world.network.metrics(world.session, asked) == [wanted, None, plain, *[wanted] * 30]


async def test_odd_records_do_not_hide_the_others(world: World) -> None:
    """Someone else's program may write any time, or none; such a post is there all the same."""
    await world.publish("1", Part("Ours"))
    (account,) = world.app[WORLD].accounts.values()
    account.records["app.bsky.feed.post/self"] = {"text": "No time", "createdAt": "yesterday"}
    account.records["app.bsky.feed.post/3jzfcijpj2z2a"] = {"text": "Naive", "createdAt": "2099-12-01T10:00:00"}
    found = await world.network.recent(world.session, world.session.now() - timedelta(hours=1))
    assert [item.text for item in found] == ["No time", "Ours", "Naive"]


@given(TIMES, SPANS)
def test_keys_sort_by_time(at: datetime, more: timedelta) -> None:
    """So that reading can stop at the first that is too old."""
    assert earliest(at) < earliest(at + more)
    assert len(earliest(at)) == len(tid(at))
