"""A campaign file: every row judged, everything that is wrong with it said at once."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from PIL import Image

from connectors.bluesky.text import facets
from connectors.post import Part
from connectors.registry import build
from jobs.posting.campaign import Rules, Verdict, judge
from jobs.posting.media import LARGEST, MediaError, inspect
from jobs.posting.planned import Earlier
from jobs.posting.preview import previews
from jobs.posting.rows import CampaignError, read

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DATA = os.environ.get("AUTOMATOR_DATA")
ROOT = Path(__file__).parents[2]


def verdicts(path: Path, now: datetime = NOW) -> list[Verdict]:
    networks = {"x/brand": build("x"), "bluesky/brand": build("bluesky")}
    networks |= {"facebook/brand": build("facebook"), "instagram/brand": build("instagram")}
    return judge(read(path), Rules(path.parent, now, "UTC", networks, copies=Path(mkdtemp())))


def campaign(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "c.csv"
    path.write_text("to,at,text,image,alt,thread\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


AWKWARD = {
    12: "text: x/brand: it counts 281, 1 more",
    13: "text: bluesky/brand: 301 characters, 1 more",
    14: "image: ",  # the picture does not come with the file
    15: "at: 2026-03-29 02:30 does not exist in Europe/Berlin",
    16: "at: 2026-10-25 02:30 happens twice in Europe/Berlin",
    17: "to: mastodon/brand is not connected",
    18: "at: 'tomorrow-ish' is no time",
    19: "to: it says no account",
    20: "text: x/brand: there is nothing to post",
    21: "image: ",
}


@pytest.mark.skipif(DATA is None, reason="AUTOMATOR_DATA names the folder of the real campaign")
def test_the_real_campaign_gets_the_right_answer_for_every_row() -> None:
    """Twenty-two rows as people write them: the good ones pass, each bad one is told what is wrong with it."""
    found = verdicts(Path(DATA or "") / "campaign.csv")
    for number, verdict in enumerate(found, 1):
        said = [f"{item.field}: {item.what}" for item in verdict.problems if not item.warning]
        expected = AWKWARD.get(number)
        assert verdict.ok == (expected is None), (number, said)
        if expected is not None:
            assert any(line.startswith(expected) for line in said), (number, said)
    assert len(found) == 22
    assert [len(verdict.deliveries[0].parts) for verdict in found[8:10]] == [3, 2]


#: of the rows that can be planned: when (UTC), and what each part counts on X and on Bluesky
COUNTED = {
    1: ("2026-12-01T02:00", [137], [157]),  # on X any link counts 23
    2: ("2026-12-01T02:30", [122], []),  # four lines
    3: ("2026-12-01T02:30", [], [104]),
    4: ("2026-12-02T11:00", [77], [87]),  # an emoji is 2 on X, 1 on Bluesky
    5: ("2026-12-03T07:15", [87], []),
    6: ("2026-12-03T13:15", [91], [47]),  # wide characters are 2 on X
    7: ("2026-12-04T12:00", [], [82]),  # a family, a flag and a skin tone are one grapheme each
    8: ("2026-12-05T04:00", [70], [76]),  # from right to left
    9: ("2026-12-06T10:00", [69, 92, 77], []),
    10: ("2026-12-06T10:00", [], [70, 54]),
    11: ("2026-12-07T10:00", [280], []),  # as much as X takes
    22: ("2026-12-12T09:00", [122], [112]),  # a link with brackets and a bare domain
}


@pytest.mark.skipif(DATA is None, reason="AUTOMATOR_DATA names the folder of the real campaign")
def test_the_rows_of_the_real_campaign_count_what_the_networks_count() -> None:
    """In every script, with links and emoji; and each is planned for its own zone's time."""
    networks = {"x/brand": build("x"), "bluesky/brand": build("bluesky")}
    found: dict[int, tuple[str, list[int], list[int]]] = {}
    for number, verdict in enumerate(verdicts(Path(DATA or "") / "campaign.csv"), 1):
        if verdict.ok and verdict.when is not None:
            used = {
                shown.account: [piece.shown.used for piece in shown.pieces] for shown in previews(verdict, networks)
            }
            at = f"{verdict.when.at:%Y-%m-%dT%H:%M}"
            found[number] = (at, used.get("x/brand", []), used.get("bluesky/brand", []))
    assert found == COUNTED


@pytest.mark.skipif(DATA is None, reason="AUTOMATOR_DATA names the folder of the real campaign")
def test_links_of_the_real_campaign_keep_their_brackets() -> None:
    """The bracket that closes a sentence is none of the link's; a mention of nobody stays text."""
    last = verdicts(Path(DATA or "") / "campaign.csv")[-1]
    found = facets(last.deliveries[1].parts[0].text)
    assert [(facet.kind, facet.value) for facet in found] == [
        ("link", "https://example.com/a_(b)"),
        ("link", "https://example.org"),
        ("tag", "hashtag2026"),
    ]


def test_the_example_campaign_is_judged_as_it_says() -> None:
    """Two rows of the example are wrong on purpose; the others can be planned."""
    found = verdicts(ROOT / "examples" / "campaign.csv")
    assert [verdict.ok for verdict in found] == [True] * 8 + [False] * 2 + [True] * 3


def test_importing_twice_gives_the_same_identities(tmp_path: Path) -> None:
    """Also for two rows that are the same, which are two posts."""
    row = "x/brand,2026-12-01 09:00,Same,,,"
    first, second = (
        [planned.identity for verdict in verdicts(campaign(tmp_path, row, row)) for planned in verdict.deliveries]
        for _ in range(2)
    )
    assert first == second
    assert len(set(first)) == 2


@pytest.mark.parametrize("at", ["now", "in 10 minutes", "in 1 week", "tomorrow 09:00"])
def test_a_time_that_counts_from_now_gives_the_same_identity_later(tmp_path: Path, at: str) -> None:
    """The same file read a day later plans nothing anew, and no row is called changed; two same rows are two posts."""
    row = f"x/brand,{at},Same,,,"
    path = campaign(tmp_path, row, row)
    first = [verdict.deliveries[0] for verdict in verdicts(path)]
    assert len({planned.identity for planned in first}) == 2
    earlier = [Earlier(f"{n}" * 16, "x/brand", planned.identity, NOW, planned.parts) for n, planned in enumerate(first)]
    later = judge(read(path), Rules(tmp_path, NOW + timedelta(days=1), "UTC", {"x/brand": build("x")}, earlier=earlier))
    assert [verdict.deliveries[0].identity for verdict in later] == [planned.identity for planned in first]
    assert not [item for verdict in later for item in verdict.problems if "posts edit" in item.what]


def test_a_file_that_is_imported_again_does_not_warn_of_itself(tmp_path: Path) -> None:
    """Its own rows are called planned; the same text that was planned otherwise is called the same text."""
    path = campaign(tmp_path, *["x/brand,2026-12-01 09:00,Same,,,"] * 2)
    found = [planned for verdict in verdicts(path) for planned in verdict.deliveries]
    for identities, words in (([one.identity for one in found], "has this row already"), (["another"], "lately")):
        earlier = [Earlier("a" * 16, "x/brand", identity, NOW, found[0].parts) for identity in identities]
        judged = judge(read(path), Rules(tmp_path, NOW, "UTC", {"x/brand": build("x")}, earlier=earlier))
        (one, *others), (two, *_) = (verdict.problems for verdict in judged)
        assert not others
        assert words in one.what
        assert words in two.what


def test_a_campaign_that_has_begun_can_be_imported_again(tmp_path: Path) -> None:
    """With rows added, say: what went out long ago needs no other time, and a row that is new there does."""
    path = campaign(tmp_path, "x/brand,2026-12-01 09:00,Out,,,", "x/brand,2026-12-01 09:05,New,,,")
    when = datetime(2026, 12, 1, 9, tzinfo=UTC)
    (out, _) = (verdict.deliveries[0] for verdict in verdicts(path))
    earlier = [Earlier("a" * 16, "x/brand", out.identity, when, out.parts)]
    later = Rules(tmp_path, when + timedelta(days=2), "UTC", {"x/brand": build("x")}, earlier=earlier)
    known, new = judge(read(path), later)
    assert [problem.what for problem in known.problems] == ["x/brand has this row already; it stays as it is"]
    assert (known.ok, new.ok) == (True, False)
    assert "2026-12-01 09:05 lies in the past" in [problem.what for problem in new.problems]


def test_times_that_count_from_now_differ_as_they_are_written(tmp_path: Path) -> None:
    """The same text in ten minutes and in an hour is two posts, wherever the rows stand."""
    rows = [f"x/brand,{at},Same,,," for at in ("in 10 minutes", "in 1 hour", "tomorrow 09:00", "tomorrow 09:00 UTC")]
    found = [
        {planned.identity for verdict in verdicts(campaign(tmp_path, *order)) for planned in verdict.deliveries}
        for order in (rows[:3], rows[2::-1], [*rows[:2], rows[3]])
    ]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 3


def test_an_id_stays_when_the_text_is_edited(tmp_path: Path) -> None:
    """A row with an id of its own is the same post whatever it says."""
    path = tmp_path / "c.csv"
    found = []
    for text in ("One", "Two"):
        path.write_text(f"id,to,at,text\na1,x/brand,2026-12-01 09:00,{text}\n", encoding="utf-8")
        found.append(verdicts(path)[0].deliveries[0].identity)
    assert found[0] == found[1]


def test_two_rows_with_one_id_are_not_taken_for_one_post(tmp_path: Path) -> None:
    """The second would be missing without a word, so it is refused; on another account the same id is another post."""
    path = tmp_path / "c.csv"
    rows = (
        "7,x/brand,2026-12-01 09:00,One",
        "7,x/brand,2026-12-02 09:00,Two",
        "7,bluesky/brand,2026-12-03 09:00,Three",
    )
    path.write_text("\n".join(("id,to,at,text", *rows)))
    first, second, third = verdicts(path)
    assert (first.ok, second.ok, third.ok) == (True, False, True)
    assert [problem.what for problem in second.problems] == [
        "x/brand: by its id it is the post of row 2; give each row an id of its own"
    ]


def test_all_problems_of_a_row_come_at_once(tmp_path: Path) -> None:
    """Nobody has to correct a file five times."""
    (verdict,) = verdicts(campaign(tmp_path, f"x/brand x/brand y/none,soon,{'x' * 300},none.png,,maybe"))
    fields = sorted(problem.field for problem in verdict.problems if not problem.warning)
    assert fields == ["at", "image", "text", "thread", "to", "to"]


def test_a_picture_that_can_not_be_read_is_not_missing_too(tmp_path: Path) -> None:
    """What is wrong with it is said, once; a network that shows nothing but pictures asks for none besides."""
    (tmp_path / "p.jpg").write_bytes(b"no picture")
    row = '"x/brand;instagram/brand",2026-12-01 09:00,,p.jpg,,'
    (verdict,) = verdicts(campaign(tmp_path, row))
    assert [problem.field for problem in verdict.problems] == ["image"]


def test_rows_are_compared_with_each_other(tmp_path: Path) -> None:
    """The same text twice, and two posts in one minute, are pointed out but not refused."""
    rows = ("x/brand,2026-12-01 09:00,Same,,,", "x/brand,2026-12-01 09:00,Same,,,", "x/brand,2026-12-02 09:00,,,,")
    found = verdicts(campaign(tmp_path, *rows))
    assert [problem.warning for problem in found[1].problems] == [True, True]
    assert found[1].ok
    assert not found[2].ok


@pytest.mark.parametrize(
    ("at", "told"), [("09:00:59", True), ("08:59:01", True), ("09:01:00", False), ("08:59:00", False)]
)
def test_a_post_close_to_one_that_was_planned_before_is_pointed_out(tmp_path: Path, at: str, *, told: bool) -> None:
    """Within a minute, on the same account, by its id; a row that is imported again is not close to itself."""
    then = datetime(2026, 12, 1, 9, tzinfo=UTC)
    path = campaign(tmp_path, f"x/brand bluesky/brand,2026-12-01 {at},Other,,,")
    (planned, _) = verdicts(path)[0].deliveries
    networks = {"x/brand": build("x"), "bluesky/brand": build("bluesky")}
    for identity, expected in (("another", told), (planned.identity, False)):
        earlier = [Earlier("abcdef0123456789", "x/brand", identity, then, planned.parts)]
        (verdict,) = judge(read(path), Rules(tmp_path, NOW, "UTC", networks, earlier=earlier))
        found = [item.what for item in verdict.problems if "same minute" in item.what]
        assert found == (["x/brand posts abcdef01 within the same minute"] if expected else [])
        assert verdict.ok


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"to,at,text,when\n", "unknown column 'when'"),
        (b"to,at\n", "'text' is missing"),
        (b"to,at,text\nx,y,\xff\n", "not UTF-8 text .line 2"),
        (b'to,at,text\nx,y,"never closed\n', "line"),
        (b"to,at,text\na,b,c,d\n", "4 values for 3 columns"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, content: bytes, words: str) -> None:
    """One sentence with the line."""
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    with pytest.raises(CampaignError, match=words):
        read(path)


def test_json_says_the_same_as_csv(tmp_path: Path) -> None:
    """A list of objects, with accounts as a list."""
    path = tmp_path / "c.json"
    path.write_text(json.dumps([{"to": ["x/brand"], "at": "2026-12-01 09:00", "text": "Same"}]))
    other = campaign(tmp_path, "x/brand,2026-12-01 09:00,Same,,,")
    assert verdicts(path)[0].deliveries == verdicts(other)[0].deliveries
    path.write_text("{")
    with pytest.raises(CampaignError, match="not JSON"):
        read(path)


def test_pictures_are_judged_by_their_content(tmp_path: Path) -> None:
    """A name proves nothing; what is cut off, no picture, or gigantic is refused in one sentence."""
    path = tmp_path / "p.jpg"
    Image.new("RGB", (40, 30)).save(path, "PNG")
    found = inspect(path, "black")
    assert (found.type, found.width, found.height, found.alt) == ("image/png", 40, 30, "black")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(MediaError):
        inspect(path)
    path.write_text("hello")
    with pytest.raises(MediaError, match="no picture"):
        inspect(path)
    with path.open("wb") as file:
        file.truncate(LARGEST * 17)
    with pytest.raises(MediaError, match="more than any network"):
        inspect(path)


def test_a_row_with_an_id_of_its_own_is_not_taken_for_an_edited_one(tmp_path: Path) -> None:
    """Two posts at one time are told of as such, and nothing else is said of them."""
    at, path = datetime(2026, 12, 1, 9, tzinfo=UTC), tmp_path / "c.csv"
    path.write_text("id,to,at,text\nk2,x/brand,2026-12-01 09:00,Second\n", encoding="utf-8")
    earlier = [Earlier("abcdef0123456789", "x/brand", "another", at, (Part("First"),))]
    (verdict,) = judge(read(path), Rules(tmp_path, NOW, "UTC", {"x/brand": build("x")}, earlier=earlier))
    assert [item.what for item in verdict.problems] == ["x/brand posts abcdef01 within the same minute"]


def test_a_provider_can_have_its_own_text(tmp_path: Path) -> None:
    """A column ``text:x`` stands in place of the common text there, and only there."""
    path = tmp_path / "c.csv"
    path.write_text(
        "to,at,text,text:x,text:mastodon\nx/brand bluesky/brand,2026-12-01 09:00,Long,Short,\n", encoding="utf-8"
    )
    (verdict,) = verdicts(path)
    assert {item.account: item.parts[0].text for item in verdict.deliveries} == {
        "x/brand": "Short",
        "bluesky/brand": "Long",
    }
    path.write_text("to,at,text,text:x\nbluesky/brand,2026-12-01 09:00,Long,Short\n", encoding="utf-8")
    (verdict,) = verdicts(path)
    assert [(item.field, item.warning) for item in verdict.problems] == [("text:x", True)]
