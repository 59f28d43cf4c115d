"""The plots of a backtest: price and trades, worth, drawdown; by Plotly, on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.order import Side
from jobs.bots.backtest import Played
from jobs.bots.figures import Curves, drawdown
from jobs.orders.risk import plain

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Scatter

POINTS = 4_000  #: of a curve; more can't be told apart on a screen
BOT, HOLD, PRICE = "#2563eb", "#d97706", "#8b93a1"  #: read as well on white as on black
MARKS = {Side.BUY: ("triangle-up", "#16a34a"), Side.SELL: ("triangle-down", "#dc2626")}
GREY, FAINT = "#8a8f98", "rgba(128,128,128,.22)"  #: of text and lines, on either ground
#: of the tool bar what a reader needs; nothing that leads elsewhere
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
}


def plots(played: Played, curves: Curves, quote: str) -> Figure:
    """All three; to zoom into one zooms into all."""
    from plotly.subplots import make_subplots  # noqa: PLC0415 - slow to load, and needed for reports alone

    symbols = list(dict(played.candles))
    titles = ("Price and trades", "Worth", "Drawdown")
    figure = make_subplots(3, 1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.09, row_heights=[3, 3, 2])
    for symbol in symbols:
        figure.add_trace(_price(played, symbol), row=1, col=1)
    for side in Side:
        figure.add_trace(_trades(played, side), row=1, col=1)
    for name, colour, worth in (("strategy", BOT, curves.equity), ("buy and hold", HOLD, curves.hold)):
        fallen = [100 * share for share in drawdown(worth)]
        figure.add_trace(_line(curves.at, worth, name, colour, f"%{{y:,.6~g}} {quote}"), row=2, col=1)
        below = _line(curves.at, fallen, name, colour, "%{y:.2f} %").update(showlegend=False)
        figure.add_trace(below, row=3, col=1)
    _dressed(figure, symbols, quote)
    return figure


def _price(played: Played, symbol: str) -> Scatter:
    closes = [candle for of, candle in played.candles if of == symbol]
    at, prices = [candle.at + played.every for candle in closes], [float(candle.close) for candle in closes]
    return _line(at, prices, symbol, PRICE if len(dict(played.candles)) == 1 else None, "%{y:,.8~g}")


def _line(at: Sequence[datetime], values: Sequence[float], name: str, colour: str | None, shows: str) -> Scatter:
    from plotly.graph_objects import Scatter as Trace  # noqa: PLC0415 - as above

    few = _few(values)
    line = {"width": 1.3, **({"color": colour} if colour else {})}
    x, y = [at[place] for place in few], [values[place] for place in few]
    return Trace(x=x, y=y, name=name, legendgroup=name, mode="lines", line=line, hovertemplate=f"%{{x}}<br>{shows}")


def _trades(played: Played, side: Side) -> Scatter:
    from plotly.graph_objects import Scatter as Trace  # noqa: PLC0415 - as above

    fills = [one for one in played.fills if one.fill.side is side]
    shape, colour = MARKS[side]
    told = [
        [one.tag, f"{plain(one.fill.amount)} {one.fill.symbol.partition('/')[0]}", plain(one.fill.price)]
        for one in fills
    ]
    return Trace(
        x=[one.fill.at for one in fills],
        y=[float(one.fill.price) for one in fills],
        name=side.value,
        mode="markers",
        marker={"symbol": shape, "color": colour, "size": 7, "line": {"width": 0.5, "color": "#fff"}},
        customdata=told,
        hovertemplate=f"%{{x}}<br>{side.value} %{{customdata[1]}} at %{{customdata[2]}}<br>%{{customdata[0]}}",
    )


def _dressed(figure: Figure, symbols: Sequence[str], quote: str) -> None:
    figure.update_layout(
        height=900,
        font={"family": "system-ui, sans-serif", "size": 12, "color": GREY},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "x": 0, "y": 1.04, "yanchor": "bottom"},
        margin={"l": 10, "r": 10, "t": 120, "b": 10},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BOT},
        hovermode="closest",
        dragmode="zoom",
    )
    lines = {"gridcolor": FAINT, "zerolinecolor": FAINT, "linecolor": FAINT}
    figure.update_xaxes(**lines, showticklabels=True, automargin=True)
    figure.update_yaxes(**lines, automargin=True, title_standoff=8)
    figure.update_xaxes(title_text="time (UTC)", row=3, col=1)
    figure.update_yaxes(title_text=f"price ({quote})", row=1, col=1)
    if len(symbols) > 1:
        figure.update_yaxes(type="log", row=1, col=1)
    figure.update_yaxes(title_text=f"worth ({quote})", row=2, col=1)
    figure.update_yaxes(title_text="below the height (%)", row=3, col=1)


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
