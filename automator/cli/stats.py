"""``automator posts stats``: what became of posts once they were out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import HomeOption, JsonOption, begins, fail, records, show_json, told

if TYPE_CHECKING:
    from automator.posting.metrics import Figures


@told
def stats(
    home: HomeOption = None,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    since: Annotated[str | None, typer.Option(help="Only posts from then on: 2026-12-01 09:00.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show likes, comments, shares and impressions as last read. Also what was added since the reading before."""
    from automator import accounts  # noqa: PLC0415 - keeps --help fast
    from automator.posting import metrics  # noqa: PLC0415 - keeps --help fast

    with records(home) as kept:
        posting = kept.settings.posting
        start = begins(since, kept.now, posting.zone) if since else None
        known = [who.name for who in accounts.everything(kept.reader)]
        found = metrics.stats(kept.reader, account, start)
    if account and account not in known and not found:
        raise fail(f"{account} is not connected; there are {', '.join(known) or 'no accounts'}", 2)
    sums = list(metrics.totals(found))
    if as_json:
        show_json({"posts": [item.as_json() for item in found], "totals": [item.as_json() for item in sums]})
        return
    for item in found:
        figures = "no longer shown" if item.gone else _figures(item.newest, item.more)
        text = " ".join(item.text.split())[:40]
        typer.echo(f"{item.due:%Y-%m-%d %H:%M}Z  {item.account:16} {item.delivery[:8]} part {item.part + 1}  {text}")
        typer.echo(f"  {figures}")
    for total in sums:
        typer.echo(f"{total.account}: {total.parts} in all; {_figures(total.figures, total.more)}")
    if not found:
        off, on = "config.toml says [posting] metrics = false", "the first figures are read after 15 minutes"
        typer.echo(f"no figures; {on if posting.metrics else off}")


def _figures(figures: Figures, more: Figures) -> str:
    said = [f"{name} {value} ({more[name]:+d})" for name, value in figures.items() if value is not None]
    return ", ".join(said) or "no figures"
