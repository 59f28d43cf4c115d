"""A backtest for a person: its figures beside those of holding, and one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import escape
from typing import Any

from jobs.bots.backtest import Played
from jobs.bots.figures import Curves, Figures
from jobs.bots.plots import CONFIG, plots
from jobs.bots.strategy import Filled
from jobs.orders.risk import plain

TRADES = 1_000  #: the newest, in the table

_STYLE = """
:root{color-scheme:light dark;--line:rgba(128,128,128,.3)}
*{box-sizing:border-box}
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:76rem;padding:1.2rem}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.15rem;margin:1.4rem 0 .4rem}
p{margin:.3rem 0}.dim{opacity:.7}
.side{display:flex;flex-wrap:wrap;gap:0 3rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.22rem .8rem .22rem 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
td:first-child,th:first-child{text-align:left}
.told td:last-child{white-space:normal;overflow-wrap:anywhere}
@media(max-width:40rem){body{font-size:14px;padding:.7rem}td,th{padding-right:.5rem}}
"""
#: the file may fetch nothing, whoever opens it wherever
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "min": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}

Line = tuple[str, str, str]  #: what it is; of the strategy; of buying and holding, where it has such


def lines(found: Figures, quote: str) -> list[Line]:
    """The figures for a person, with their units."""
    start = found.worth_start
    held = float(start) * (1 + found.hold_percent / 100)
    return [
        (f"worth at the start ({quote})", _money(start, start), _money(start, start)),
        (f"worth at the end ({quote})", _money(found.worth_end, start), _money(held, start)),
        ("profit", _percent(found.profit_percent), _percent(found.hold_percent)),
        ("CAGR", _percent(found.cagr_percent), _percent(found.hold_cagr_percent)),
        ("max drawdown", _percent(found.max_drawdown_percent), _percent(found.hold_max_drawdown_percent)),
        ("Sharpe ratio", _ratio(found.sharpe), _ratio(found.hold_sharpe)),
        ("Sortino ratio", _ratio(found.sortino), _ratio(found.hold_sortino)),
        ("exposure", _percent(found.exposure_percent), ""),
        ("win rate of sales", _percent(found.win_rate_percent, "no sales"), ""),
        (f"fees ({quote})", _money(found.fees, start), ""),
        ("trades", f"{found.trades:,}", ""),
        ("  buys", f"{found.buys:,}", ""),
        ("  sells", f"{found.sells:,}", ""),
        ("orders open at the end", f"{found.open_orders:,}", ""),
    ]


def span(found: Figures, every: timedelta) -> str:
    """Over what it was played: ``2022-01-01 00:00 to 2022-02-01 00:00 UTC, 44,640 candles of 1 min``."""
    unit, length = next((unit, length) for unit, length in _UNITS.items() if every >= length)
    long = f"{every / length:g} {unit}"
    return f"{found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M} UTC, {found.candles:,} candles of {long}"


def _money(value: Any, scale: Any) -> str:
    """As many digits as tell something in an account of the size ``scale``."""
    places = 2 if scale >= 1000 else 4 if scale >= 1 else 8  # noqa: PLR2004 - about seven digits
    return f"{value:,.{places}f}"


def _percent(value: float | None, otherwise: str = "too short to say") -> str:
    return otherwise if value is None else f"{value:z.2f} %"


def _ratio(value: float | None) -> str:
    return "too short to say" if value is None else f"{value:z.2f}"


def html(  # noqa: PLR0913, PLR0917 - what is told
    title: str,
    parameters: Mapping[str, Any],
    setting: Mapping[str, str],
    played: Played,
    found: Figures,
    curves: Curves,
) -> str:
    """The whole file. ``setting``: what it was played on: files, balances, fee."""
    quote = played.candles[0][0].partition("/")[2]
    # the script is in the file, so that it is shown without a network
    drawn = plots(played, curves, quote).to_html(full_html=False, include_plotlyjs=True, config=CONFIG)
    told = [(name, _text(value)) for name, value in parameters.items()]
    stopped = f"<p>It stopped before the end: {escape(found.stopped)}.</p>" if found.stopped else ""
    head = ("", "strategy", "buy and hold")
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p class='dim'>{escape(span(found, played.every))}</p>{stopped}{drawn}<div class='side'>"
        f"<div class='wide'><h2>Figures</h2>{_table(lines(found, quote), head)}</div>"
        f"<div class='wide told'><h2>Parameters</h2>{_table(told)}<h2>Played on</h2>{_table(list(setting.items()))}"
        f"</div></div><h2>Trades</h2>{_trades(played.fills)}</body></html>"
    )


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(one)}" for name, one in value.items())
    return {"True": "yes", "False": "no"}.get(str(value), str(value))


def _table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{titles}</tr>' if head else ''}{body}</table>"


def _cell(text: str) -> str:
    inset = len(text) - len(text.lstrip())
    return "&ensp;" * inset + escape(text.lstrip())


def _trades(fills: Sequence[Filled]) -> str:
    rows = [
        (
            f"{one.fill.at:%Y-%m-%d %H:%M}",
            one.tag,
            one.fill.side.value,
            plain(one.fill.amount),
            plain(one.fill.price),
            plain(one.fill.fee),
            one.fill.fee_asset,
        )
        for one in fills[-TRADES:]
    ]
    if not rows:
        return "<p>None.</p>"
    _, quote = fills[0].fill.symbol.split("/")
    several = len({one.fill.symbol for one in fills}) > 1
    amount = "amount" if several else f"amount ({fills[0].fill.symbol.partition('/')[0]})"
    head = ("at (UTC)", "order", "side", amount, f"price ({quote})", "fee", "in")
    more = f"<p class='dim'>The newest {TRADES:,} of {len(fills):,}.</p>" if len(fills) > TRADES else ""
    return f"{more}<div class='wide'>{_table(rows, head)}</div>"
