"""GetMetricWidgetImage: a metric widget drawn as a PNG. The only importer of matplotlib, which it loads when asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from core.cloudwatch import widgets
from core.cloudwatch.widgets import Mark, Widget

DPI = 100
PALETTE = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
THRESHOLD = "#d62728"
_DARK, _LIGHT = "#1e2530", "#ffffff"


@dataclass(frozen=True, slots=True)
class Line:
    """One series as it is drawn; `times` are epoch seconds, oldest first."""

    label: str
    times: Sequence[float]
    values: Sequence[float]
    color: str
    right: bool
    period: float


def picture(widget: Widget, results: Sequence[Mapping[str, Any]]) -> bytes:
    """The PNG of a widget whose queries gave `results` (MetricDataResults, oldest datapoint first)."""
    lines = _lines(widget, results)
    return _draw(widget, lines)


def _lines(widget: Widget, results: Sequence[Mapping[str, Any]]) -> list[Line]:
    rows = {row.id: row for row in widget.rows}
    found = []
    for number, result in enumerate(results):
        row = rows[result["Id"]]
        stat = row.query.get("MetricStat") or row.query
        color = row.color or PALETTE[number % len(PALETTE)]
        period = float(stat["Period"])
        found.append(Line(result["Label"], result["Timestamps"], result["Values"], color, row.right, period))
    return found


def _draw(widget: Widget, lines: Sequence[Line]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to load, rarely needed
    from matplotlib.figure import Figure

    ground, ink = (_DARK, "#d5dbdb") if widget.theme == "dark" else (_LIGHT, "#16191f")
    figure = Figure(figsize=(widget.width / DPI, widget.height / DPI), dpi=DPI, facecolor=ground)
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    left.set_facecolor(ground)
    left.tick_params(colors=ink, labelsize=8)
    if widget.title:
        left.set_title(_plain(widget.title), color=ink, fontsize=10, loc="left")
    if widget.view in ("singleValue", "gauge"):
        _numbers(left, lines, ink)
    elif widget.view == "bar":
        _bars(left, lines)
        _bounds(left, widget.left, ink)
    elif widget.view == "pie":
        _pie(left, lines, ink)
    else:
        _series(widget, lines, left, ink)
    written = BytesIO()
    if min(widget.width, widget.height) >= DPI:
        figure.set_layout_engine("constrained")
    figure.savefig(written, format="png", dpi=DPI, facecolor=ground, metadata={"Software": None})
    return written.getvalue()


def _series(widget: Widget, lines: Sequence[Line], left: Any, ink: str) -> None:
    from matplotlib import dates

    plain: Any = dates  # its classes have no annotations
    locator = plain.AutoDateLocator(maxticks=8)

    needs_right = any(line.right for line in lines) or any(mark.right for mark in widget.thresholds)
    right = left.twinx() if needs_right else None
    for axis, side, bounds in ((left, False, widget.left), (right, True, widget.right)):
        if axis is None:
            continue
        ours = [line for line in lines if line.right is side]
        _plot(axis, ours, widget)
        for mark in widget.thresholds:
            if mark.right is side:
                _threshold(axis, mark)
        _bounds(axis, bounds, ink)
    for mark in widget.instants:
        _instant(left, mark, widget)
    left.set_xlim(_at(widget.start.timestamp(), widget), _at(widget.end.timestamp(), widget))
    left.xaxis.set_major_locator(locator)
    is_long = (widget.end - widget.start).days >= 1
    left.xaxis.set_major_formatter(plain.DateFormatter("%m/%d %H:%M" if is_long else "%H:%M"))
    left.grid(axis="y", color="#aab7b8", linewidth=0.4)
    _legend(widget, left, right, ink)


def _plot(axis: Any, lines: Sequence[Line], widget: Widget) -> None:
    if widget.stacked:
        times = sorted({time for line in lines for time in line.times})
        layers = [dict(zip(line.times, line.values, strict=True)) for line in lines]
        if times:
            axis.stackplot(
                [_at(time, widget) for time in times],
                [[layer.get(time, 0.0) for time in times] for layer in layers],
                labels=[_plain(line.label) for line in lines],
                colors=[line.color for line in lines],
                alpha=0.7,
            )
        return
    for line in lines:
        times, values = _broken(line)
        alone = len(line.times) == 1
        axis.plot(
            [_at(time, widget) for time in times],
            values,
            color=line.color,
            label=_plain(line.label),
            linewidth=1.2,
            marker="." if alone else None,
        )


def _broken(line: Line) -> tuple[list[float], list[float]]:
    """The points, with an empty one wherever a period or more is missing, so that the line breaks."""
    times: list[float] = []
    values: list[float] = []
    for time, value in zip(line.times, line.values, strict=True):
        if times and time - times[-1] > line.period:
            times.append(times[-1] + line.period)
            values.append(float("nan"))
        times.append(time)
        values.append(value)
    return times, values


def _threshold(axis: Any, mark: Mark) -> None:
    color = mark.color or THRESHOLD
    axis.axhline(mark.at, color=color, linewidth=1, linestyle="--", label=_plain(mark.label) or "_nolegend_")
    if mark.until is not None:
        axis.axhspan(mark.at, mark.until, color=color, alpha=0.15)


def _instant(axis: Any, mark: Mark, widget: Widget) -> None:
    color = mark.color or THRESHOLD
    axis.axvline(_at(mark.at, widget), color=color, linewidth=1, label=_plain(mark.label) or "_nolegend_")
    if mark.until is not None:
        axis.axvspan(_at(mark.at, widget), _at(mark.until, widget), color=color, alpha=0.15)


def _bounds(axis: Any, bounds: widgets.Axis, ink: str) -> None:
    axis.set_ylim(bottom=bounds.least, top=bounds.most)
    axis.set_ylabel(_plain(bounds.label), color=ink, fontsize=8)
    axis.tick_params(colors=ink, labelsize=8)


def _legend(widget: Widget, left: Any, right: Any, ink: str) -> None:
    handles, labels = left.get_legend_handles_labels()
    if right is not None:
        more, others = right.get_legend_handles_labels()
        handles, labels = [*handles, *more], [*labels, *others]
    if widget.legend == "hidden" or not handles:
        return
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.02, 1)}
    if widget.legend == "bottom":
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12), "ncols": 3}
    left.legend(handles, labels, frameon=False, fontsize=7, labelcolor=ink, **place)


def _numbers(axis: Any, lines: Sequence[Line], ink: str) -> None:
    axis.axis("off")
    for number, line in enumerate(lines):
        newest = f"{line.values[-1]:g}" if line.values else "--"
        at = (number + 0.5) / len(lines)
        style: dict[str, Any] = {"ha": "center", "transform": axis.transAxes}
        axis.text(at, 0.5, newest, color=line.color, fontsize=18, **style)
        axis.text(at, 0.35, _plain(line.label), color=ink, fontsize=8, **style)


def _bars(axis: Any, lines: Sequence[Line]) -> None:
    heights = [line.values[-1] if line.values else 0.0 for line in lines]
    axis.bar(range(len(lines)), heights, color=[line.color for line in lines])
    axis.set_xticks(range(len(lines)), [_plain(line.label) for line in lines])


def _pie(axis: Any, lines: Sequence[Line], ink: str) -> None:
    axis.axis("off")
    parts = [line for line in lines if line.values and line.values[-1] > 0]
    if parts:
        axis.pie(
            [line.values[-1] for line in parts],
            labels=[_plain(line.label) for line in parts],
            colors=[line.color for line in parts],
            textprops={"color": ink, "fontsize": 8},
        )


def _at(seconds: float, widget: Widget) -> datetime:
    """An instant on the widget's clock, without a zone, as matplotlib takes it."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) + widget.offset


def _plain(text: str) -> str:
    """A text that matplotlib draws as it is: `$` would begin a formula, and `_` hides a label from the legend."""
    plain = text.replace("$", r"\$")
    return f"\u200b{plain}" if plain.startswith("_") else plain


def with_alarm(widget: Widget, alarm: Mapping[str, Any]) -> Widget:
    """A widget about an alarm (as DescribeAlarms gives it): its metric and its threshold, where it shows none."""
    label = f"{alarm['MetricName']} {alarm['ComparisonOperator']} {alarm['Threshold']:g}"
    mark = Mark(float(alarm["Threshold"]), label, THRESHOLD)
    rows = widget.rows
    if not rows:
        dimensions = [field for each in alarm.get("Dimensions", []) for field in (each["Name"], each["Value"])]
        stat = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
        metric = [alarm["Namespace"], alarm["MetricName"], *dimensions, {"stat": stat, "period": alarm["Period"]}]
        rows = widgets.rows({"metrics": [metric]})
    title = widget.title or str(alarm["AlarmName"])
    return replace(widget, rows=rows, title=title, thresholds=(*widget.thresholds, mark))
