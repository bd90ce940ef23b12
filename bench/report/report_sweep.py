"""Sweeps: growth rows that are points of a grid, shown together."""

import json

from report_growth import growth_title
from report_page import DIVERGING, axis, badge, drawn, error_bars, interval, layout, rule, table
from report_rows import esc, get, is_ok, number, show, text

AXIS_TITLE = {"gain": "gain σ<sub>w</sub>", "bias": "bias σ<sub>b</sub>"}


def setting_key(knob):
    """A swept knob's key in `setting`; the gain is W's scale."""
    return "init" if knob == "gain" else knob.replace("-", "_")


def point(row):
    """The swept knobs and their values; {} for a row that is no point of a sweep."""
    sweep = row.get("sweep")
    values = {k: number(v) for k, v in sweep.items()} if isinstance(sweep, dict) else {}
    return {} if None in values.values() else values


def sweeps_of(rows):
    """Lists of rows that differ in nothing but the swept knobs, without a point's earlier tries."""
    sweeps = {}
    for row in rows:
        at = point(row)
        setting = row["setting"] if isinstance(row.get("setting"), dict) else {}
        fixed = {k: v for k, v in setting.items() if not isinstance(v, (dict, list))}
        fixed["weights"] = text(get(setting, "weights", "file"))
        for knob in at:
            fixed.pop(setting_key(knob), None)
        if "gain" in at:
            fixed["init"] = text(get(row, "setting", "init")).split(":")[0]
        same = [list(at), row.get("provider"), row.get("dtype"), row.get("seeds"),
                None if "depth" in at else row.get("depth"), fixed]
        sweeps.setdefault(json.dumps(same, sort_keys=True), {})[tuple(at.values())] = row
    return [list(points.values()) for points in sweeps.values()]


def verdict(row):
    return text(row.get("verdict")) if is_ok(row) else text(row.get("status")) or "?"


def rates(rows):
    """By row: the rate, the ends of its interval, theory's rate."""
    paths = (("rate", "value"), ("rate", "low"), ("rate", "high"), ("theory", "rate"))
    return [[number(get(row, *path)) for row in rows] for path in paths]


def curve(page, rows, knob):
    """The rate against one knob."""
    rows = sorted(rows, key=lambda r: point(r)[knob])
    x = [point(r)[knob] for r in rows]
    rate, low, high, theory = rates(rows)
    data = [{"x": x, "y": theory, "mode": "lines", "name": "theory",
             "line": {"color": "#c0392b", "dash": "dash", "width": 1.5},
             "hovertemplate": "theory %{y:.4g}<extra></extra>"},
            {"x": x, "y": rate, "mode": "markers", "name": "measured", "marker": {"color": "#1f6feb", "size": 6},
             "error_y": error_bars(rate, low, high), "text": [esc(verdict(r)) for r in rows],
             "hovertemplate": "%{x}: %{y:.4g}, %{text}<extra></extra>"}]
    critical = {number(get(r, "theory", "critical_sigma")) for r in rows} - {None}
    only = critical.pop() if knob == "gain" and len(critical) == 1 else None
    marked = only is not None and x[0] <= only <= x[-1]
    note = {"x": only, "yref": "paper", "y": 1, "text": "χ = 1", "showarrow": False, "xanchor": "left",
            "yanchor": "top", "font": {"color": "#656d76"}}
    return page.figure(data, layout(
        360, xaxis=axis(AXIS_TITLE.get(knob, esc(knob))), yaxis=axis("rate, ln-norm per map"), showlegend=False,
        shapes=[rule("x", only)] if marked else [], annotations=[note] if marked else []))


def critical_line(rows, across, down):
    """Theory's chi = 1: its gain at each value of the other knob."""
    found = {}
    for row in rows:
        gain = number(get(row, "theory", "critical_sigma"))
        if gain is not None:
            found[point(row)[down]] = gain
    line = sorted(found.items()) if across == "gain" else []
    return [gain for _, gain in line], [value for value, _ in line]


def edges(values):
    """Where the outer cells of a heat map end."""
    values = sorted(set(values))
    return [values[0] - (values[1] - values[0]) / 2, values[-1] + (values[-1] - values[-2]) / 2]


def heat_map(page, rows, knobs):
    """The rate over two knobs, the gain across."""
    across, down = sorted(knobs, key=lambda k: k != "gain")
    x, y = ([point(r)[k] for r in rows] for k in (across, down))
    rate, low, high, theory = rates(rows)
    largest = max((abs(v) for v in rate if v is not None), default=0) or 1
    hover = [f"{esc(verdict(r))}<br>rate {show(v)} [{show(a)}, {show(b)}]<br>theory {show(t)}"
             for r, v, a, b, t in zip(rows, rate, low, high, theory)]
    data = [{"type": "heatmap", "x": x, "y": y, "z": rate, "zmin": -largest, "zmax": largest, "text": hover,
             "colorscale": DIVERGING, "hoverongaps": True,
             "colorbar": {"title": {"text": "rate, ln-norm per map", "side": "right"}, "thickness": 14,
                          "outlinewidth": 0},
             "hovertemplate": f"{esc(across)} %{{x}}, {esc(down)} %{{y}}<br>%{{text}}<extra></extra>"}]
    gains, values = critical_line(rows, across, down)
    if gains:
        data.append({"x": gains, "y": values, "mode": "lines+text", "name": "χ = 1", "showlegend": False,
                     "text": [""] * (len(gains) - 1) + [" χ = 1"], "textposition": "middle right",
                     "line": {"color": "#24292f", "width": 2.5},
                     "hovertemplate": "χ = 1: gain %{x:.4g}<extra></extra>"})
    return page.figure(data, layout(
        440, plot_bgcolor="#d0d7de",
        xaxis=axis(AXIS_TITLE.get(across, esc(across)), range=edges(x), showgrid=False, zeroline=False),
        yaxis=axis(AXIS_TITLE.get(down, esc(down)), range=edges(y), showgrid=False, zeroline=False)))


def sweep_title(row):
    """What the points have in common."""
    setting = dict(row["setting"]) if isinstance(row.get("setting"), dict) else {}
    at = point(row)
    for knob in at:
        setting.pop(setting_key(knob), None)
    init = text(get(row, "setting", "init"))
    title = growth_title({"setting": {**setting, "init": init.split(":")[0] if "gain" in at else init}})
    common = [f"{name} {show(value)}" for name, value in (("depth", row.get("depth")), ("width", setting.get("width")))
              if name not in at]
    return f"{esc(title)} <small>{', '.join([*common, drawn(row)])}</small>"


def sweep_table(rows, knobs, alone):
    lines = []
    for row in sorted(rows, key=lambda r: tuple(point(r).values())):
        lines.append([f"{point(row)[k]:.6g}" for k in knobs] +
                     [interval(row.get("rate")), show(get(row, "theory", "rate")), badge(verdict(row)),
                      esc(text(row.get("reason")))])
    header = [esc(k) for k in knobs] + ["rate", "theory", "verdict", ""]
    head = "<details open><summary>Table" if alone else "<details><summary>The same as a table"
    return f"{head}</summary>" + \
        table(header, lines, set(range(len(knobs) + 2))) + "</details>"


def sweep_section(page, rows):
    if not rows:
        return
    page.add("<h2>Sweeps</h2><p>The rate, ln of the gradient's norm per map back from the loss, over a grid of nets. "
             "Curves: <b class=measured>blue</b>, measured with a 95 % interval; <b class=theory>dashed red</b>, "
             "theory. Maps: red explodes, blue vanishes, grey has no rate; the black line is where theory's χ "
             "is 1.</p>")
    for sweep in sweeps_of(rows):
        knobs = list(point(sweep[0]))
        varied = [k for k in knobs if len({point(r)[k] for r in sweep}) > 1]
        figure = ""
        if len(varied) == 1:
            figure = curve(page, sweep, varied[0])
        elif len(varied) == 2:
            figure = heat_map(page, sweep, varied)
        page.add(f"<h3>{sweep_title(sweep[0])}</h3>{figure}{sweep_table(sweep, knobs, not figure)}")
