# SPDX-License-Identifier: MIT
"""A self-contained HTML page: headline, tables, plots. No script, no request to anywhere.

Plots come with the light colours of plots.py; in the page each colour is a custom property, so that the
page follows the reader's choice of light or dark, and prints light.
"""

import html
import pathlib
import re

from . import plots

# Plot colour to custom property, with the colour for dark.
_PROPERTIES = {
    plots.BACKGROUND: ("paper", "#0d1117"),
    plots.INK: ("ink", "#e6edf3"),
    plots.FAINT: ("faint", "#8d96a0"),
    plots.GRID: ("grid", "#30363d"),
    **{colour: (f"line{number}", dark) for number, (colour, dark) in enumerate(
        zip(plots.COLOURS, ("#58a6ff", "#f0883e", "#3fb950", "#bc8cff", "#f778ba", "#d4b72c")))},
}

_STYLE = """
:root { color-scheme: light dark; %(light)s --raised: #f6f8fa; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { %(dark)s --raised: #161b22; --good: #3fb950; --bad: #ff7b72; } }
@media print { :root { color-scheme: light; %(light)s --raised: #f6f8fa; --good: #1a7f37; --bad: #b42318; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 28px 24px 60px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 34px 0 10px; padding-bottom: 5px; border-bottom: 1px solid var(--grid); }
p { margin: 8px 0; max-width: 86ch; }
.sub { color: var(--faint); margin: 0 0 16px; }
.headline { font-size: 18px; line-height: 1.45; max-width: 92ch; border-left: 4px solid var(--line0);
  padding: 8px 14px; background: var(--raised); margin: 14px 0; }
.good { border-left-color: var(--good); } .bad { border-left-color: var(--bad); }
.note { color: var(--faint); font-size: 13px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; margin: 6px 0 12px; }
th, td { padding: 5px 12px; text-align: right; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; white-space: normal; border-bottom-color: var(--faint); }
td.text, th.text { text-align: left; }
td.long { white-space: normal; text-align: left; overflow-wrap: anywhere; }
tr.bad td { color: var(--bad); }
tr.total td { font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%%, 520px), 1fr)); gap: 14px; }
figure { margin: 0; border: 1px solid var(--grid); border-radius: 6px; padding: 10px 8px 6px; break-inside: avoid; }
figure svg { display: block; width: 100%%; height: auto; }
figcaption { color: var(--faint); font-size: 12.5px; padding: 2px 6px 0; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } h1 { font-size: 20px; } h2 { font-size: 14px;
  break-after: avoid; margin-top: 18px; } table { font-size: 10px; } th, td { padding: 3px 6px; }
  .plots { grid-template-columns: 1fr 1fr; gap: 8px; } tr { break-inside: avoid; } .headline { font-size: 13px; } }
"""


def _style():
    light = " ".join(f"--{name}: {colour};" for colour, (name, _) in _PROPERTIES.items())
    dark = " ".join(f"--{name}: {other};" for name, other in _PROPERTIES.values())
    return _STYLE % {"light": light, "dark": dark}


def themed(svg, number):
    """SVG of plots.py for use inside a page: themed colours, ids of its own, no fixed size."""
    for colour, (name, _) in _PROPERTIES.items():
        svg = svg.replace(colour, f"var(--{name})")
    svg = re.sub(r'\bid="([^"]+)"', rf'id="p{number}-\1"', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1p{number}-", svg)
    head, rest = svg.split(">", 1)
    head = re.sub(r'\s(?:width|height)="[^"]*pt"', "", head)
    return f"{head} role=\"img\">{re.sub(r'<metadata>.*?</metadata>', '', rest, flags=re.S)}"


def text(value):
    return html.escape(str(value))


class Page:
    """Collects the parts of a page in order."""

    def __init__(self, title, subtitle=""):
        self.title = title
        self.parts = [f"<h1>{text(title)}</h1>"]
        if subtitle:
            self.parts.append(f'<p class="sub">{text(subtitle)}</p>')
        self._figures = 0
        self._in_plots = False

    def _add(self, part):
        if self._in_plots:
            self.parts.append("</div>")
            self._in_plots = False
        self.parts.append(part)

    def headline(self, sentence, verdict=""):
        """The finding in one sentence; verdict is "good", "bad" or nothing."""
        self._add(f'<p class="headline {verdict}">{text(sentence)}</p>')

    def heading(self, words):
        self._add(f"<h2>{text(words)}</h2>")

    def paragraph(self, words, note=False):
        self._add(f'<p{" class=note" if note else ""}>{text(words)}</p>')

    def table(self, header, rows, text_columns=(0,), classes=None):
        """Rows of cells; text_columns are aligned left; classes maps a row's number to a class."""
        def cell(kind, column, value):
            mark = ' class="text"' if column in text_columns else ""
            return f"<{kind}{mark}>{text('' if value is None else value)}</{kind}>"

        lines = ["".join(cell("th", column, value) for column, value in enumerate(header))]
        for number, row in enumerate(rows):
            mark = f' class="{classes[number]}"' if classes and classes.get(number) else ""
            lines.append(f"<tr{mark}>{''.join(cell('td', column, value) for column, value in enumerate(row))}</tr>")
        self._add(
            f'<div class="wide"><table><thead><tr>{lines[0]}</tr></thead><tbody>'
            f'{"".join(lines[1:])}</tbody></table></div>')

    def definitions(self, pairs):
        """Name and text, as a table of two columns."""
        rows = "".join(f'<tr><td class="text">{text(name)}</td><td class="long">{text(value)}</td></tr>'
                       for name, value in pairs)
        self._add(f'<div class="wide"><table><tbody>{rows}</tbody></table></div>')

    def figure(self, svg, caption=""):
        """A plot of plots.py; plots that follow each other stand in a grid."""
        if not self._in_plots:
            self.parts.append('<div class="plots">')
            self._in_plots = True
        self._figures += 1
        words = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
        self.parts.append(f"<figure>{themed(svg, self._figures)}{words}</figure>")

    def html(self):
        if self._in_plots:
            self._add("")
        body = "\n".join(self.parts)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{text(self.title)}</title><style>{_style()}</style></head>\n<body>\n{body}\n</body></html>\n")

    def save(self, path):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.html(), encoding="utf-8")
        return path
