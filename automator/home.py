"""The folder of one installation, and what is called what in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from automator.version import current

if TYPE_CHECKING:
    from automator.settings import Settings

DATABASE = "automator.db"
CONFIG = "config.toml"
COPIES = "media"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one installation."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / DATABASE

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    @property
    def copies(self) -> Path:
        """Smaller copies of pictures, each under its own digest."""
        return self.path / COPIES

    def settings(self) -> Settings:
        """Read config.toml, if there is one.

        Raises:
            automator.settings.SettingsError: it can't be used.
        """
        from automator.settings import read  # noqa: PLC0415 - slow to load, and many need only the names above

        return read(self.config)

    def prepare(self) -> None:
        """Make the folder, for its owner only, and the tables.

        Raises:
            automator.db.DatabaseError: the database can't be opened, written, or brought to this version.
        """
        if current(self.database):
            return
        from automator import schema  # noqa: PLC0415 - as above

        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        schema.create(self.database)
