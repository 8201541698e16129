# SPDX-License-Identifier: MIT
"""Line plots as SVG text: one look for every report, readable when small, on a light background.

Times stand on x, in minutes since the start of the run. A value of None breaks its line.
"""

import io
import math
import os
import pathlib

from . import ROOT

# Its cache of fonts goes below build/ like everything else, not into somebody's home.
os.environ.setdefault("MPLCONFIGDIR", str(ROOT / "build" / "matplotlib"))

import matplotlib  # noqa: E402

matplotlib.use("Agg")

from matplotlib import pyplot, ticker  # noqa: E402  (after the back end is chosen)

BACKGROUND = "#ffffff"
INK = "#24292f"
FAINT = "#6e7781"
GRID = "#d8dee4"
# Told apart by people who do not see all colours, and by their lightness when printed grey.
COLOURS = ("#0969da", "#d1570a", "#1a7f37", "#8250df", "#bf3989", "#7d6608")
POINTS_MAX = 900

_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": BACKGROUND,
    "figure.facecolor": BACKGROUND,
    "savefig.facecolor": BACKGROUND,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def thinned(points, points_max=POINTS_MAX):
    """At most about points_max points that keep every peak: lowest and highest of each stretch."""
    if len(points) <= points_max:
        return list(points)
    stretch = -(-len(points) * 2 // points_max)
    kept = []
    for start in range(0, len(points), stretch):
        part = points[start:start + stretch]
        known = [point for point in part if point[1] is not None]
        if len(known) < len(part):
            kept.append((part[0][0], None))
        if known:
            ends = {min(known, key=lambda point: point[1]), max(known, key=lambda point: point[1])}
            kept += sorted(ends)
    return kept


def _draw(axes, series, colours, faint=()):
    drawn = 0
    for (name, points), colour in zip(series.items(), colours):
        points = thinned(points)
        if not any(value is not None for _, value in points):
            continue
        times = [at for at, _ in points]
        values = [float("nan") if value is None else value for _, value in points]
        single = sum(value is not None for _, value in points) == 1
        axes.plot(times, values, label=name, color=colour, marker="o" if single else None, markersize=4,
                  **({"alpha": 0.4, "linewidth": 0.9} if name in faint else {}))
        drawn += 1
    return drawn


def _marks(axes, marks):
    """Vertical lines with a word each: where a step begins, where somebody was killed."""
    skip = -(-len(marks) // 14) if marks else 1
    for number, (at, word) in enumerate(marks):
        axes.axvline(at, color=GRID, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        if number % skip == 0 and word:
            axes.annotate(word, (at, 1), xycoords=("data", "axes fraction"), xytext=(2, -1),
                          textcoords="offset points", fontsize=7.5, color=FAINT, va="top")


def _scale(axes, y_log, y_from_zero, low, high, whole=False):
    if y_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
        # Whole decades, so that two plots of the same thing compare.
        axes.set_ylim(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high * 1.01)))
    elif y_from_zero:
        axes.set_ylim(0, high * 1.12 if high > 0 else 1)
    elif high == low:
        axes.set_ylim(low - abs(low) * 0.1 - 0.5, high + abs(high) * 0.1 + 0.5)
    if not y_log:
        axes.yaxis.set_major_locator(ticker.MaxNLocator(6, integer=whole))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _are_whole(series):
    """Whether all values are counts, so that no tick stands at half a thread."""
    return all(value is None or float(value).is_integer() for points in series.values() for _, value in points)


def lines(series, title, unit, *, second=None, second_unit="", marks=(), limits=(), faint=(), y_log=False,
          y_from_zero=True, x_label="minutes since start", size=(6.4, 2.7)):
    """SVG text of a plot.

    series: {name: [(minutes, value or None), ...]}; second: more of them, dashed, on an axis at the
    right; marks: [(minutes, word)] as vertical lines; limits: [(value, word)] as horizontal lines; faint:
    names of series that stand behind the others, such as single seconds behind their mean.
    """
    with matplotlib.rc_context(dict(_STYLE, **{"svg.hashsalt": title})):
        figure, axes = pyplot.subplots(figsize=size, layout="constrained")
        try:
            values = [value for points in series.values() for _, value in points
                      if value is not None and (not y_log or value > 0)]
            if y_log:
                series = {name: [(at, value if value else None) for at, value in points]
                          for name, points in series.items()}
            drawn = _draw(axes, series, COLOURS, faint)
            handles, labels = axes.get_legend_handles_labels()
            if second:
                other = axes.twinx()
                other.spines["right"].set_visible(True)
                drawn += _draw(other, second, COLOURS[len(series):])
                more, names = other.get_legend_handles_labels()
                for line in more:
                    line.set_linestyle((0, (5, 2)))
                handles, labels = handles + more, labels + names
                high = [value for points in second.values() for _, value in points if value is not None]
                _scale(other, False, True, 0, max(high, default=1), _are_whole(second))
                other.set_ylabel(second_unit)
            for value, word in limits:
                axes.axhline(value, color=COLOURS[4], linewidth=1, linestyle=(0, (2, 2)))
                axes.annotate(word, (1, value), xycoords=("axes fraction", "data"), xytext=(-2, 2),
                              textcoords="offset points", fontsize=8, color=COLOURS[4], ha="right")
                values.append(value)
            _scale(axes, y_log and bool(values), y_from_zero, min(values, default=0), max(values, default=1),
                   _are_whole(series))
            _marks(axes, marks)
            axes.grid(axis="y")
            axes.set_axisbelow(True)
            axes.set_title(title, pad=22 if drawn > 1 else 8)
            axes.set_xlabel(x_label)
            axes.set_ylabel(unit)
            if drawn > 1:
                axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncol=6, borderaxespad=0.1,
                            columnspacing=1.2, handlelength=1.6)
            if not drawn:
                axes.text(0.5, 0.5, "no figures", transform=axes.transAxes, ha="center", color=FAINT)
            text = io.StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        finally:
            pyplot.close(figure)
    svg = text.getvalue()
    return svg[svg.index("<svg"):]


def save(path, svg):
    """Write SVG text as a file of its own; returns the path."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('<?xml version="1.0" encoding="utf-8"?>\n' + svg, encoding="utf-8")
    return path
