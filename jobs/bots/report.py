"""A backtest as one HTML file that needs nothing else: plots, figures, parameters, trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from connectors.order import Side
from jobs.bots.backtest import Played
from jobs.bots.figures import Curves, Figures, drawdown
from jobs.bots.strategy import Filled
from jobs.orders.risk import plain

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

POINTS = 4_000  #: of a curve; more can't be told apart on a screen
TRADES = 1_000  #: the newest, in the table

_STYLE = (
    "body{font-family:system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}.side{display:flex;flex-wrap:wrap;gap:3rem}"
)

NAMES = {
    "start": "from",
    "end": "to",
    "candles": "candles",
    "trades": "trades",
    "buys": "buys",
    "sells": "sells",
    "open_orders": "orders open at the end",
    "worth_start": "worth at the start",
    "worth_end": "worth at the end",
    "fees": "fees",
    "profit_percent": "profit",
    "hold_percent": "profit of buying and holding",
    "max_drawdown_percent": "max drawdown",
    "hold_max_drawdown_percent": "max drawdown of holding",
    "cagr_percent": "CAGR",
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "win_rate_percent": "win rate",
    "exposure_percent": "exposure",
    "stopped": "stopped",
}


def shown(figures: Figures, quote: str) -> list[tuple[str, str]]:
    """The figures for a person, with their units."""
    return [(NAMES[name], _shown(name, getattr(figures, name), quote)) for name in NAMES]


def _shown(name: str, value: Any, quote: str) -> str:
    if name in {"worth_start", "worth_end", "fees"}:
        return f"{value:,.2f} {quote}" if abs(value) >= 1 or not value else f"{value:.8f} {quote}"
    if name == "stopped":
        return value or "no"
    if value is None:
        return "too short to say"
    if isinstance(value, float):
        return f"{value:.2f} %" if name.endswith("_percent") else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:%Y-%m-%d %H:%M} UTC"


def html(title: str, parameters: Mapping[str, Any], played: Played, figures: Figures, curves: Curves) -> str:
    """The whole file. ``parameters`` are shown as they are."""
    quote = played.candles[0][0].partition("/")[2]
    # the script is in the file, so that it is shown without a network
    plots = _plots(played, curves, quote).to_html(full_html=False, include_plotlyjs=True)
    told = {name: value for name, value in parameters.items() if value is not None}
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{plots}<div class='side'>"
        f"<div><h2>Figures</h2>{_table(shown(figures, quote))}</div>"
        f"<div><h2>Parameters</h2>{_table([(name, str(value)) for name, value in told.items()])}</div></div>"
        f"<h2>Trades</h2>{_trades(played.fills)}</body></html>"
    )


def _table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{titles}</tr>' if head else ''}{body}</table>"


def _trades(fills: Sequence[Filled]) -> str:
    rows = [
        (
            f"{one.fill.at:%Y-%m-%d %H:%M}",
            one.tag,
            one.fill.side.value,
            plain(one.fill.amount),
            plain(one.fill.price),
            f"{plain(one.fill.fee)} {one.fill.fee_asset}",
        )
        for one in fills[-TRADES:]
    ]
    more = f"<p>The newest {TRADES} of {len(fills)}.</p>" if len(fills) > TRADES else ""
    return more + _table(rows, ("at (UTC)", "order", "side", "amount", "price", "fee"))


def _plots(played: Played, curves: Curves, quote: str) -> Figure:
    from plotly.graph_objects import Scatter  # noqa: PLC0415 - slow to load, and needed for reports alone
    from plotly.subplots import make_subplots  # noqa: PLC0415 - as above

    titles = ("price and trades", f"worth in {quote}", "drawdown in %")
    plots = make_subplots(rows=3, cols=1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.06)
    for symbol in dict(played.candles):
        closes = [(candle.at, float(candle.close)) for of, candle in played.candles if of == symbol]
        few = _few([close for _, close in closes])
        x, y = [closes[place][0] for place in few], [closes[place][1] for place in few]
        plots.add_trace(Scatter(x=x, y=y, name=symbol, line={"width": 1}), row=1, col=1)
    for side, mark, colour in ((Side.BUY, "triangle-up", "#2a7"), (Side.SELL, "triangle-down", "#c33")):
        fills = [one.fill for one in played.fills if one.fill.side is side]
        x, y = [fill.at for fill in fills], [float(fill.price) for fill in fills]
        marker = {"symbol": mark, "color": colour, "size": 8}
        plots.add_trace(Scatter(x=x, y=y, name=side.value, mode="markers", marker=marker), row=1, col=1)
    worths = (("bot", curves.equity), ("buy and hold", curves.hold))
    for row, change in ((2, list[float]), (3, drawdown)):
        for name, worth in worths:
            values = change(worth)
            few = _few(values)
            x, y = [curves.at[place] for place in few], [values[place] * (100 if row != 2 else 1) for place in few]  # noqa: PLR2004 - the middle plot
            plots.add_trace(Scatter(x=x, y=y, name=name, showlegend=row == 2, line={"width": 1}), row=row, col=1)  # noqa: PLR2004 - as above
    plots.update_layout(height=900, template="plotly_white", legend={"orientation": "h"}, margin={"t": 60})
    return plots


def _few(values: Sequence[float]) -> list[int]:
    """Which values to draw: of each stretch the least and the greatest, so that no peak is lost."""
    step = max(1, 2 * len(values) // POINTS)
    if step == 1:
        return list(range(len(values)))
    found: set[int] = {0, len(values) - 1}
    for start in range(0, len(values), step):
        stretch = range(start, min(start + step, len(values)))
        found |= {min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)}
    return sorted(found)
