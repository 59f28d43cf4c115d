"""Lists as CSV files."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from automator.cli.common import fail

CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write them to this file, as CSV.")]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows whose keys are the columns; what is no plain value is JSON."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(list(rows[0]) if rows else [])
            writer.writerows([_cell(value) for value in row.values()] for row in rows)
    except OSError as error:
        raise fail(f"{path} can't be written: {error.strerror}", 1) from None
    typer.echo(f"{len(rows)} rows in {path}", err=True)


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
