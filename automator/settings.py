"""config.toml, typed. Every setting is documented here and in config.example.toml; a test compares them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from connectors.address import checked
from connectors.registry import wrong_choice

DAYS, MINUTES, MEGABYTES = 36_500, 525_600, 1_000_000_000  #: more is a slip: a hundred years, a year, a petabyte
_TABLE = re.compile(r"\s*\[\s*([\w.-]+)\s*\]")
_VALUE = re.compile(r"\s*([\w.-]+)\s*=")


class SettingsError(ValueError):
    """config.toml cannot be used; the sentence names the line or the key."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vault(_Section):
    """Where keys are kept."""

    kind: Literal["auto", "keyring", "file"] = Field(
        "auto", description="keyring: the operating system's; file: an encrypted file; auto: the first that works"
    )


class Posting(_Section):
    """How posts are published."""

    zone: str = Field("UTC", description="the time zone of times that name none (IANA, such as Europe/Berlin)")
    late_minutes: int = Field(
        60, ge=1, le=MINUTES, description="how late a post may go out; later it is missed, with a notice"
    )
    settle_seconds: float = Field(
        45.0,
        ge=0.0,
        le=3_600.0,
        description="after a lost answer, how long to wait before the provider is asked what happened",
    )
    copies_days: int = Field(
        30,
        ge=0,
        le=DAYS,
        description="days after its time for which the smaller copies of a post's pictures stay; 0 keeps them",
    )
    metrics: bool = Field(True, description="whether likes, comments, shares and impressions of posts are read")

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{zone!r} is no IANA time zone") from None
        return zone


class Egress(_Section):
    """How calls leave."""

    transport: Literal["aiohttp", "httpx"] = Field(
        "aiohttp", description="the HTTP implementation under the recorder; aiohttp is the faster one"
    )


class Ledger(_Section):
    """How long the record is kept. The service prunes once a day; `automator calls prune` does it now."""

    body_days: int = Field(
        0, ge=0, le=DAYS, description="days after which bodies leave (their digests stay); 0 keeps them"
    )
    row_days: int = Field(0, ge=0, le=DAYS, description="days after which whole entries leave; 0 keeps them")
    max_mb: int = Field(
        0, ge=0, le=MEGABYTES, description="megabytes of entries and bodies; the oldest leave first; 0: no bound"
    )


class Webhook(_Section):
    """An address of your own that is told what you must know."""

    url: str = Field(
        "",
        repr=False,
        description="gets notices and signed checkpoints as JSON (Standard Webhooks); https, or http on this machine",
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        return checked(url) if url else url


class Media(_Section):
    """Where files lie that a provider fetches from a public address (Instagram's pictures); removed afterwards."""

    kind: Literal["none", "folder", "s3"] = Field(
        "none", description="folder: one that your own web server shows; s3: a bucket of an S3-compatible store"
    )
    public_url: str = Field("", description="under which anybody finds what lies there; https, or http on this machine")
    folder: str = Field("", description="for a folder: its absolute path")
    endpoint: str = Field("", description="for a bucket: the store's address")
    bucket: str = Field("", description="its name; empty if the endpoint names it already")
    region: str = Field("us-east-1", min_length=1, description="for a bucket: its region")

    @field_validator("public_url", "endpoint")
    @classmethod
    def _usable(cls, url: str) -> str:
        return checked(url) if url else url

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"none": (), "folder": ("public_url", "folder"), "s3": ("public_url", "endpoint")}[self.kind]
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ValueError(f"a media host of the kind {self.kind!r} needs {' and '.join(missing)}")
        if self.folder and not Path(self.folder).is_absolute():
            raise ValueError(f"{self.folder!r} is no absolute path; write the folder's whole path")
        return self


class Settings(_Section):
    """This installation. ``providers`` holds, by provider, values of the options that its connector declares."""

    vault: Vault = Vault()
    posting: Posting = Posting()
    egress: Egress = Egress()
    ledger: Ledger = Ledger()
    webhook: Webhook = Webhook()
    media: Media = Media()
    providers: dict[str, dict[str, str]] = Field(
        default={}, description="by provider, how it is used; `accounts change --option` says so for one account"
    )

    @field_validator("providers")
    @classmethod
    def _known(cls, given: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for provider, chosen in given.items():
            if why := wrong_choice(provider, chosen):
                raise ValueError(why)
        return given


def read(path: Path) -> Settings:
    """Read a config.toml; the defaults if there is none.

    Raises:
        SettingsError: not TOML, an unknown key, or a value that cannot be.
    """
    if not path.exists():
        return Settings()
    content = ""
    try:
        content = path.read_text(encoding="utf-8-sig")  # Windows' own editor begins it with a mark
        return Settings.model_validate(tomllib.loads(content))
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        unknown = first["type"] == "extra_forbidden"
        what = "there is no such setting" if unknown else first["msg"].removeprefix("Value error, ")
        if first["type"] == "model_type":
            what = f"it is a table, which begins with a line [{key}]"
        line = _line(content, key)
        place = f"{path}, line {line}" if line else path
        raise SettingsError(f"{place}: {key}: {what}; config.example.toml shows what may stand there") from None


def _line(content: str, key: str) -> int | None:
    """The line on which a table begins, or a value stands that is written in its table."""
    table = ""
    for number, line in enumerate(content.splitlines(), 1):
        if (head := _TABLE.match(line)) is not None:
            table = head[1]
            found = table
        elif (value := _VALUE.match(line)) is not None:
            found = f"{table}.{value[1]}" if table else value[1]
        else:
            continue
        if found == key:
            return number
    return None
