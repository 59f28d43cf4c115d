"""Lists, for a person, as JSON, and as CSV files."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from automator.cli.common import fail, show_json
from automator.outfile import replaced
from connectors.words import counted

CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write them to this file, as CSV.")]


def show(  # noqa: PLR0913 - the same rows in three forms
    rows: Sequence[Mapping[str, Any]],
    lines: Sequence[str],
    csv_to: Path | None,
    columns: Sequence[str],
    *,
    as_json: bool,
    none: str,
) -> None:
    """Show rows as they were asked for; ``lines`` say the same to a person, ``none`` that there are none."""
    if csv_to is not None:
        write_csv(csv_to, columns, rows)
    if as_json:
        show_json(rows)
    elif csv_to is None:
        for line in lines or [none]:
            typer.echo(line)


def money(exact: Decimal | str | None) -> str:
    """An amount as a person reads it; JSON and CSV have all its digits."""
    from jobs.orders.risk import readable  # noqa: PLC0415 - keeps --help fast

    return readable(Decimal(exact or 0))


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows; what is no plain value is JSON."""
    try:
        with replaced(path) as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    except OSError as error:
        raise fail(f"{path} can't be written: {error.strerror}", 1) from None
    typer.echo(f"{counted(len(rows), 'row')} in {path}", err=True)


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
