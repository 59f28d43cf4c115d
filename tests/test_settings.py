"""config.toml: every setting documented, every mistake told by its line or key."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from automator.settings import Settings, SettingsError, read
from connectors.registry import build, providers

EXAMPLE = Path(__file__).parents[1] / "config.example.toml"


def test_the_example_shows_every_setting_with_its_default() -> None:
    """Nothing can be set that the example does not show, and it says the truth about defaults."""
    shown = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    chosen = shown.pop("providers")
    assert Settings.model_validate(shown) == Settings()
    assert shown | {"providers": {}} == Settings().model_dump()
    declared = {name: {option.name: option.default for option in build(name).options} for name in providers()}
    assert chosen == {name: options for name, options in declared.items() if options}


def test_every_setting_has_a_comment() -> None:
    """A line of the example that sets something follows one that says what it is."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    bare = [line for above, line in pairwise(lines) if "=" in line and not above.startswith("#")]
    assert [line for line in bare if not line.startswith("#")] == []
    for name, section in Settings.model_fields.items():
        model = section.annotation
        if name == "providers":
            continue  # its keys are the options that connectors declare, each with its own sentence
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[posting]\nzone = Berlin\n", "line 2"),
        ('[posting]\nzone = "Mars/Base"\n', "line 2: posting.zone"),
        ("[posting]\nlate_minutes = 0\n", "posting.late_minutes"),
        ("# mine\n[egress]\n[posting]\nlate = 5\n", "line 4: posting.late: there is no such setting"),
        ("[vualt]\n", "line 1: vualt"),
        ('[providers.y]\nversion = "1"\n', "providers: there is no provider 'y'"),
        ('[providers.x]\nversion = "1"\n', "providers: x has no option 'version'"),
        ('[webhook]\nurl = "http://example.com/hook"\n', "webhook.url: it must begin with https"),
        ('[webhook]\nurl = "https://me:key@example.com/"\n', "webhook.url: .*on the record"),
        ('[vault]\nkind = "plain"\n', "vault.kind"),
        ('vault = "file"\n', r"line 1: vault: it is a table, which begins with a line \[vault\]"),
        ("[ledger]\nrow_days = 99999999\n", "line 2: ledger.row_days: .*36500"),
        ("[posting]\nsettle_seconds = inf\n", "line 2: posting.settle_seconds"),
        ('[media]\nkind = "ftp"\n', "media.kind"),
        ('[media]\nkind = "folder"\n', "media: .* needs public_url and folder"),
        ('[media]\nkind = "s3"\npublic_url = "https://m.example"\n', "media: .* needs endpoint"),
        ('[media]\npublic_url = "http://m.example"\n', "media.public_url: it must begin with https"),
        (
            '[media]\nkind = "folder"\nfolder = "m"\npublic_url = "https://m.example"\n',
            "media: 'm' is no absolute path",
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, content: str, words: str) -> None:
    """The sentence names the line, or the key."""
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=words):
        read(path)


def test_the_mark_that_some_editors_begin_a_file_with_is_no_mistake(tmp_path: Path) -> None:
    """Whoever writes it on Windows can't see it."""
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbf[vault]\nkind = "file"\n')
    assert read(path).vault.kind == "file"


def test_a_file_that_can_t_be_read_is_told(tmp_path: Path) -> None:
    """A folder of that name, say."""
    with pytest.raises(SettingsError, match="can't be read: Is a directory"):
        read(tmp_path)
