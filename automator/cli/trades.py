"""``automator fills``, ``positions`` and ``profit``."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated

import typer

from automator.cli.common import HomeOption, JsonOption, Records, engine, fail, records, told
from automator.cli.orders import AccountOption, OwnerOption, SymbolOption, chosen
from automator.cli.table import CsvOption, money, show

SinceOption = Annotated[str | None, typer.Option(help="From when on: 2026-12-01 (UTC), or a time: 2026-12-01 09:00.")]


def _start(kept: Records, since: str | None) -> datetime | None:
    """``since`` as a time; a day alone begins as those of the lists do, at midnight UTC."""
    from jobs.posting.when import parse_when  # noqa: PLC0415 - keeps --help fast

    if since is None:
        return None
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(since.strip()), time(), UTC)
    return parse_when(since, now=kept.now, zone=kept.settings.posting.zone).at


@told
def fills(  # noqa: PLR0913, PLR0917 - the command's options
    home: HomeOption = None,
    account: AccountOption = None,
    bot: OwnerOption = None,
    symbol: SymbolOption = None,
    since: SinceOption = None,
    as_json: JsonOption = False,
    csv: CsvOption = None,
) -> None:
    """List the trades that filled orders. Those of orders that were not placed here are listed too."""
    from automator.trading.fills import COLUMNS, traded  # noqa: PLC0415 - keeps --help fast

    with records(home) as kept:
        start = _start(kept, since)
        rows = [item.as_json() for item in traded(kept.reader, start, **chosen(account, bot, symbol))]
    lines = [
        f"{row['at'][:19]}Z  {row['account']:16} {row['owner'] or 'elsewhere':12} {row['side']:4} {row['amount']} "
        f"{row['symbol']} at {row['price']}, fee {row['fee']} {row['fee_asset']}"
        for row in rows
    ]
    show(rows, lines, csv, COLUMNS, as_json=as_json, none="no fills")


@told
async def positions(  # noqa: PLR0913, PLR0917 - the command's options
    home: HomeOption = None,
    account: AccountOption = None,
    bot: OwnerOption = None,
    symbol: SymbolOption = None,
    as_json: JsonOption = False,
    csv: CsvOption = None,
) -> None:
    """Show what is held by our records. Also what it cost, and what selling it now would earn."""
    from automator.trading.profits import POSITION, apart, prices, traded  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        found = [item for item in traded(opened.reader, **chosen(account, bot, symbol)) if item.average.amount]
        now = await prices(opened, found)
    rows = [item.position(now.get((item.account, item.symbol))) for item in found]
    lines = [
        f"{row['owner']:12} {row['account']:16} {row['amount']} {row['symbol']} for {money(row['average_price'])}"
        f"{' (sold beyond what was bought here)' if row['amount'].startswith('-') else ''}, "
        f"now {row['price']} ({row['price_is']}): unrealised {money(row['unrealised'])}, "
        f"realised {money(row['realised'])}"
        for row in rows
    ]
    lines += [] if as_json else apart(row["account"] for row in rows)
    show(rows, lines, csv, POSITION, as_json=as_json, none="nothing is held")


@told
def profit(  # noqa: PLR0913, PLR0917 - the command's options
    home: HomeOption = None,
    account: AccountOption = None,
    bot: OwnerOption = None,
    symbol: SymbolOption = None,
    since: SinceOption = None,
    as_json: JsonOption = False,
    csv: CsvOption = None,
) -> None:
    """Show what each day (UTC) earned, fees included. At average cost, and first in, first out."""
    from automator.trading.profits import DAY, apart, traded  # noqa: PLC0415 - keeps --help fast

    with records(home) as kept:
        start = _start(kept, since)
        if start is not None and start.astimezone(UTC).time() != time():
            raise fail("what was earned is told by whole days (UTC); name one, such as --since 2026-12-01", 2)
        found = traded(kept.reader, **chosen(account, bot, symbol))
    first = start.astimezone(UTC).date() if start else None
    rows = sorted((row for item in found for row in item.days(first)), key=lambda row: str(row["day"]))
    lines = [
        f"{row['day']}  {row['owner']:12} {row['account']:16} {row['symbol']:10} {money(row['realised'])}, "
        f"first in first out {money(row['realised_fifo'])}"
        for row in rows
    ]
    for quote in sorted({row["symbol"].partition("/")[2] for row in rows}):
        earned = sum((Decimal(row["realised"]) for row in rows if row["symbol"].endswith(f"/{quote}")), Decimal(0))
        lines.append(f"all in {quote}: {money(earned)}")
    fees: dict[str, Decimal] = {}
    for item in found:
        for (day, asset), fee in item.paid.items():
            if first is None or day >= first:
                fees[asset] = fees.get(asset, Decimal(0)) + fee
    lines += [f"fees paid in {asset}, in no figure above: {money(fee)}" for asset, fee in sorted(fees.items())]
    lines += [] if as_json else apart(row["account"] for row in rows)
    show(rows, lines, csv, DAY, as_json=as_json, none="nothing was earned or lost yet")
