"""Pieces of the page: figures as plain dictionaries, as plotly.js takes them, and markup."""

import re

from report_rows import esc, get, number, show, text

PROVIDERS = ["reference", "cpu", "onednn", "simt", "cuda", "cudnn"]
COLOURS = ["#8a8f98", "#1f6feb", "#e8710a", "#8e44ad", "#2e8b57", "#c0392b"]
VERDICTS = {"exploding": "bad", "overflowed": "bad", "vanishing": "warn", "underflowed": "warn", "zero": "warn",
            "stable": "good"}
AXIS = {"gridcolor": "#e8eaed", "zerolinecolor": "#b8bcc2", "linecolor": "#b8bcc2", "automargin": True}
# Below 0 blue, above 0 red, white between; to be used on a range that is symmetric about 0.
DIVERGING = [[0, "#2166ac"], [0.25, "#92c5de"], [0.5, "#ffffff"], [0.75, "#f4a582"], [1, "#b2182b"]]


def in_order(names):
    """Provider names in the order of the list, unknown ones last."""
    known = {name: i for i, name in enumerate(PROVIDERS)}
    return sorted(set(names), key=lambda n: (known.get(n, len(known)), n))


def colour(provider):
    return COLOURS[PROVIDERS.index(provider)] if provider in PROVIDERS else "#444444"


def axis(title="", **more):
    return {**AXIS, "title": {"text": title, "font": {"size": 12}}, **more}


def layout(height, **more):
    base = {
        "height": height,
        "margin": {"l": 50, "r": 12, "t": 8, "b": 40},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#24292f"},
        "hovermode": "closest",
        "legend": {"orientation": "h", "y": -0.22, "x": 0},
    }
    return {**base, **more}


def at_least(height, *series):
    """The range of an axis, so high that rounding does not fill the figure; {} where the data does."""
    values = [v for values in series for v in values if v is not None]
    if not values or max(values) - min(values) >= height:
        return {}
    middle = (max(values) + min(values)) / 2
    return {"range": [middle - height / 2, middle + height / 2]}


def error_bars(values, lows, highs):
    """Bars from low to high; none where a bound is missing."""
    def distance(ends, sign):
        return [None if None in (v, e) else max(0, sign * (e - v)) for v, e in zip(values, ends)]
    return {"type": "data", "symmetric": False, "array": distance(highs, 1), "arrayminus": distance(lows, -1),
            "thickness": 1.2, "width": 3}


def rule(kind, value, **line):
    """A line across the whole figure, at this x (`kind` "x") or this y."""
    other = "y" if kind == "x" else "x"
    return {"type": "line", f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1, f"{kind}0": value,
            f"{kind}1": value, "line": {"color": "#8a8f98", "dash": "dot", "width": 1, **line}}


def breakable(name):
    """A name as markup that may be broken at its parts, so that a narrow screen shows more than names."""
    return f'<span class=name>{re.sub(r"(?<=[/_])(?=[a-zA-Z0-9])", "<wbr>", esc(name))}</span>'


class Page:
    """Collects pieces of HTML and the figures that go into them."""

    def __init__(self):
        self.parts = []
        self.figures = []

    def add(self, markup):
        self.parts.append(markup)

    def figure(self, data, figure_layout):
        """The markup of a figure's place; the script at the end draws it."""
        self.figures.append({"data": data, "layout": figure_layout})
        height = figure_layout["height"]
        return f'<div class="plot" id="figure{len(self.figures) - 1}" style="height:{height}px"></div>'


def table(header, rows, numeric=()):
    """Cells are markup: escape text before. Columns whose index is in `numeric` are right-aligned."""
    def cells(tag, values):
        return "".join(
            f'<{tag}{" class=n" if i in numeric else ""}>{value}</{tag}>' for i, value in enumerate(values)
        )
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{cells("th", header)}</tr></thead><tbody>{body}</tbody></table></div>'


def drawn(row):
    """How many seeds, who ran them, in which format."""
    plural = "" if row.get("seeds") == 1 else "s"
    return f"{show(row.get('seeds'))} seed{plural}, {esc(text(row.get('provider')))} {esc(text(row.get('dtype')))}"


def card(title, details, content):
    """A figure with its caption; all three are markup."""
    return (f'<figure class="card"><figcaption><b>{title}</b><br><small>{details}</small></figcaption>'
            f"{content}</figure>")


def badge_of(words, look):
    return f'<span class="badge {look}">{esc(words)}</span>'


def badge(verdict):
    return badge_of(verdict, VERDICTS.get(verdict, ""))


def interval(value):
    low, high = number(get(value, "low")), number(get(value, "high"))
    bounds = f" [{show(low)}, {show(high)}]" if low is not None and high is not None else ""
    return show(get(value, "value")) + bounds
