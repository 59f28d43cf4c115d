"""Campaign files as spreadsheets and people write them: read as they are meant, or refused with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.posting.rows import LARGEST, CampaignError, Row, read

HEAD, ROW = "to,at,text\n", "x/brand,2026-12-01 09:00,Hello\n"
PLAIN = (("x/brand",), "2026-12-01 09:00", "Hello")


def rows(tmp_path: Path, content: str | bytes, name: str = "c.csv") -> list[Row]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (HEAD + ROW, 2),
        (("\ufeff" + HEAD + ROW), 2),
        ((HEAD + ROW).encode("utf-16"), 2),
        ((HEAD + ROW).replace(",", "\t").encode("utf-16"), 2),
        ((HEAD + ROW).replace(",", ";"), 2),
        ("sep=;\n" + (HEAD + ROW).replace(",", ";"), 3),
        ("\n,,\n" + HEAD + "\n" + ROW, 5),
        ("to,at,text,,\nx/brand,2026-12-01 09:00,Hello,,\n", 2),
        (HEAD + "x/brand,2026-12-01 09:00,Hello,,\n", 2),
        (" To ,AT,Text\n" + ROW, 2),
        ((HEAD + ROW).replace("\n", "\r\n"), 2),
        ((HEAD + ROW).replace("\n", "\r"), 2),
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, content: str | bytes, line: int) -> None:
    """Whatever divides its columns, with marks, empty lines and empty columns; the line is the file's own."""
    (row,) = rows(tmp_path, content)
    assert (row.to, row.at, row.text) == PLAIN
    assert row.number == line


def test_lines_within_a_text_end_alike(tmp_path: Path) -> None:
    """Whichever machine wrote the file, it is the same post."""
    texts = {rows(tmp_path, f'{HEAD}x/brand,now,"a{end}b"\n')[0].text for end in ("\n", "\r\n", "\r")}
    assert texts == {"a\nb"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.csv", "to,at,text,text\nx/brand,now,a,b\n", "line 1: the column 'text' is there twice"),
        ("c.csv", "to,at,text,\nx/brand,now,a,b\n", "line 2: a value stands in a column without a name"),
        ("c.csv", HEAD + ROW + 'x/brand,now,"open\n' + ROW * 3, "line 3: a quote that begins here is never closed"),
        ("c.csv", HEAD + "x/brand,now,a\0b\n", "line 2 has a zero byte"),
        ("c.csv", (HEAD + ROW).encode("utf-16-le"), "save it as UTF-8"),
        ("c.csv", HEAD + "x/brand,now,Hello, world\n", "line 2: 4 values for 3 columns; a text with a comma"),
        ("c.xlsx", b"PK\x03\x04\x14\x00", "is a spreadsheet; save it as CSV"),
        ("c.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "is a spreadsheet; save it as CSV"),
        ("c.json", '[{"to":"x/brand","at":"now","text":"a","Text":"b"}]', "post 1: the column 'text' is there twice"),
        ("c.json", '[{"to":"x/brand","at":"now","text":{"a":1}}]', "post 1: 'text' must be a text"),
        ("c.json", '[{"to":"x/brand","at":"now","text":["a"]}]', "post 1: 'text' must be a text"),
        ("c.json", '[{"to":"x/brand","at":"now","text":true}]', "post 1: 'text' must be a text"),
        ("c.json", '[{"to":"x/brand","at":"now","text":NaN}]', "post 1: 'text' must be a text"),
        ("c.json", '[{"to":"x/brand","at":"now","image":[{}]}]', "post 1: 'image' must be a text"),
        ("c.json", '[{"to":"x/brand","at":"now","when":""}]', "post 1: unknown column 'when'"),
        ("c.json", "[" * 100_000, "too much stands within one another"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    """No value is dropped, and none is guessed."""
    with pytest.raises(CampaignError, match=words):
        rows(tmp_path, content, name)


def test_a_number_is_the_text_that_it_is_written_as(tmp_path: Path) -> None:
    """Also 0; what is false is not there."""
    (row,) = rows(
        tmp_path, '[{"to":"x/brand","at":"now","text":0,"comment":false,"fit":true,"thread":false}]', "c.json"
    )
    assert (row.text, row.comment, row.fit, row.thread) == ("0", "", "True", "")


def test_a_file_without_end_is_not_read_on_and_on() -> None:
    """A device, or a file of another kind that was named by mistake."""
    with pytest.raises(CampaignError, match=f"more than {LARGEST // 1_000_000} MB"):
        read(Path("/dev/zero"))
