#!/usr/bin/env python3
"""One self-contained HTML page from the rows of a run.

    report.py RESULTS_DIR       reads RESULTS_DIR/results.jsonl, writes RESULTS_DIR/report.html

The page holds everything it needs (plotly.js too), so it can be mailed. Rows are not trusted: a
line that is not a row is skipped, said on stderr and on the page; text is escaped.
Exit status: 0 written, 2 no usable rows, 3 no plotly (bench/requirements.txt).
"""

import html
import json
import math
import os
import re
import sys

PROVIDERS = ["reference", "cpu", "onednn", "simt", "cuda", "cudnn", "torch"]
COLOURS = ["#8a8f98", "#1f6feb", "#e8710a", "#8e44ad", "#2e8b57", "#c0392b", "#8d6e63"]
NOT_FOR_SPEED = {"reference", "simt"}  # plain loops; an executor that checks
LN10 = math.log(10)

# ---- rows: read, and take values out of them without trust ----------------------------------------


def read_rows(path):
    """The rows of a results file, and a message for each line that is none."""
    rows, problems = [], []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                problems.append(f"line {number}: not JSON ({str(error)[:80]})")
                continue
            if isinstance(row, dict) and isinstance(row.get("kind"), str):
                rows.append(row)
            else:
                problems.append(f"line {number}: no row, which is an object with a text `kind`")
    return rows, problems


def get(row, *keys):
    """row[key][key]…, or None where there is no such thing."""
    for key in keys:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def number(value):
    """A finite number, or None."""
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if ok else None


def numbers(value):
    """A list of numbers and None; [] for anything else."""
    return [number(v) for v in value] if isinstance(value, list) else []


def text(value):
    return value if isinstance(value, str) else ""


def esc(value):
    return html.escape(str(value))


def show(value, digits=3):
    """A number with significant digits, without an exponent where that reads well."""
    x = number(value)
    if x is None:
        return "–"
    if abs(x) < 1e-12:  # rounding, where theory says 0
        return "0"
    if x == round(x) and abs(x) < 1e6:
        return f"{x:.0f}".replace("-", "−")
    if not 1e-3 <= abs(x) < 1e5:
        return f"{x:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    return f"{x:,.{decimals}f}".replace(",", "\u202f").replace("-", "−")


def of_kind(rows, kind):
    return [r for r in rows if r["kind"] == kind]


def is_ok(row):
    return row.get("status") == "ok"


def in_order(names):
    """Provider names in the order of the list, unknown ones last."""
    known = {name: i for i, name in enumerate(PROVIDERS)}
    return sorted(set(names), key=lambda n: (known.get(n, len(known)), n))


def colour(provider):
    return COLOURS[PROVIDERS.index(provider)] if provider in PROVIDERS else "#444444"


# ---- figures: plain dictionaries, as plotly.js takes them ------------------------------------------

AXIS = {"gridcolor": "#e8eaed", "zerolinecolor": "#b8bcc2", "linecolor": "#b8bcc2", "automargin": True}


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


# ---- time and growth over one depth axis -----------------------------------------------------------


def depth_families(speed):
    """Speed rows that differ only in provider and depth; those of one depth alone are left out."""
    families = {}
    for row in speed:
        depth, problem = number(row.get("depth")), text(row.get("problem"))
        if is_ok(row) and depth and problem.startswith(("recurrent/", "feedforward/")):
            family = re.sub(r"(?<=/)[TL]\d+_", "", problem)
            families.setdefault(family, []).append(row)
    return {f: rs for f, rs in families.items() if len({r["depth"] for r in rs}) > 1}


def deepest_curve(rows):
    """The row whose growth reaches deepest, of the provider that comes first."""
    with_growth = [r for r in rows if numbers(get(r, "growth", "ln_norm"))]
    return max(with_growth, key=lambda r: (r["depth"], text(r.get("provider")) == "cpu"), default=None)


def headline(page, family, rows):
    data = []
    for name in in_order(text(r.get("provider")) for r in rows):
        own = sorted((r for r in rows if r.get("provider") == name), key=lambda r: r["depth"])
        timed = [r for r in own if number(r.get("ms"))]
        style = {"name": esc(name), "legendgroup": esc(name), "line": {"color": colour(name)},
                 "marker": {"color": colour(name), "size": 7}}
        hidden = {"visible": "legendonly"} if name in NOT_FOR_SPEED else {}
        data.append({**style, **hidden, "mode": "lines+markers", "x": [r["depth"] for r in timed],
                     "y": [number(r["ms"]) for r in timed],
                     "hovertemplate": "depth %{x}: %{y:.3g} ms<extra>" + esc(name) + "</extra>"})
        ends = [(r["depth"], numbers(get(r, "growth", "ln_norm"))) for r in own]
        ends = [(depth, curve[-1]) for depth, curve in ends if curve]
        data.append({**style, **hidden, "mode": "markers", "x": [d for d, _ in ends], "y": [y for _, y in ends],
                     "yaxis": "y2", "showlegend": False,
                     "hovertemplate": "a net of depth %{x}: ln ratio %{y:.3g}<extra>" + esc(name) + "</extra>"})
    curve = deepest_curve(rows)
    if curve:
        values = numbers(curve["growth"]["ln_norm"])
        data.append({"name": f"gradient, depth {int(curve['depth'])}", "mode": "lines", "yaxis": "y2",
                     "x": list(range(len(values))), "y": values,
                     "line": {"color": "#24292f", "width": 1.5},
                     "hovertemplate": "%{x} maps back: ln ratio %{y:.3g}<extra></extra>"})
    band = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": -LN10, "y1": LN10,
            "fillcolor": "#eef3f8", "line": {"width": 0}, "layer": "below"}
    figure = page.figure(data, layout(
        520,
        xaxis=axis("depth: maps between the loss and the state", anchor="y2", rangemode="tozero"),
        yaxis=axis("ms per training step", domain=[0.52, 1], rangemode="tozero"),
        yaxis2=axis("ln gradient ratio", domain=[0, 0.46]),
        legend={"orientation": "h", "y": -0.16, "x": 0},
        shapes=[band],
    ))
    page.add(f"<h3>{esc(family)}</h3>{figure}")


def headline_section(page, speed):
    families = depth_families(speed)
    if not families:
        return
    page.add("<h2>Time and gradient over depth</h2><p>Above: the time of one training step. Below: ln of the "
             "gradient's norm relative to the loss end, in the same runs; the line follows one deep net from its "
             "loss back, each dot is the far end of a net of that depth. Shaded: less than tenfold change.</p>")
    ranked = sorted(families.items(), key=lambda f: (not f[0].startswith("recurrent/"), -len(f[1])))
    for family, rows in ranked[:3]:
        headline(page, family, rows)


# ---- growth ----------------------------------------------------------------------------------------

VERDICTS = {"exploding": "bad", "overflowed": "bad", "vanishing": "warn", "underflowed": "warn", "zero": "warn",
            "stable": "good"}


def growth_title(row):
    """What tells this net from its neighbours."""
    s = row.get("setting") if isinstance(row.get("setting"), dict) else {}
    if not s:
        return text(row.get("name"))
    parts = [text(s.get("net")), text(s.get("activation")), text(s.get("init"))]
    if s.get("share") == "off":
        parts.append("fresh W per step")
    if number(s.get("density")) not in (None, 1.0):
        parts.append(f"density {show(s['density'])}")
    if number(s.get("forget_bias")):
        parts.append(f"forget bias {show(s['forget_bias'])}")
    parts += [text(s.get("residual")), text(s.get("form"))]
    return ", ".join(p for p in parts if p)


def badge(verdict):
    return f'<span class="badge {VERDICTS.get(verdict, "")}">{esc(verdict)}</span>'


def interval(value):
    low, high = number(get(value, "low")), number(get(value, "high"))
    bounds = f" [{show(low)}, {show(high)}]" if low is not None and high is not None else ""
    return show(get(value, "value")) + bounds


def growth_figure(page, row):
    median, low, high = (numbers(get(row, "ln_norm", k)) for k in ("median", "p10", "p90"))
    x = list(range(len(median)))
    data = []
    if low and len(low) == len(high) == len(median):
        kept = [i for i in x if low[i] is not None and high[i] is not None]
        data.append({"x": kept + kept[::-1], "y": [high[i] for i in kept] + [low[i] for i in kept[::-1]],
                     "fill": "toself", "fillcolor": "rgba(31,111,235,0.18)", "mode": "lines",
                     "line": {"width": 0}, "hoverinfo": "skip", "name": "p10 to p90"})
    data.append({"x": x, "y": median, "mode": "lines", "line": {"color": "#1f6feb", "width": 2},
                 "name": "measured", "hovertemplate": "%{x} back: %{y:.3g}<extra></extra>"})
    rate = number(get(row, "theory", "rate"))
    # From where the fit starts: theory gives a slope and knows nothing of first steps.
    start = math.ceil((len(x) - 1) / 10) if len(x) > 20 else 0
    if rate is not None and x and median[start] is not None:
        ends = [0, x[-1]]
        data.append({"x": ends, "y": [median[start] + rate * (d - start) for d in ends], "mode": "lines",
                     "name": "theory", "line": {"color": "#c0392b", "dash": "dash", "width": 1.5},
                     "hoverinfo": "skip"})
    return page.figure(data, layout(220, showlegend=False, xaxis=axis("depth", rangemode="tozero"),
                                    yaxis=axis("ln ratio"), margin={"l": 48, "r": 8, "t": 6, "b": 36}))


def growth_section(page, growth):
    if not growth:
        return
    page.add("<h2>How the gradient grows</h2><p>ln of the gradient's norm against the number of maps back from "
             "the loss. <b class=measured>Blue</b>: median over seeds, band p10 to p90. "
             "<b class=theory>Dashed red</b>: the slope of theory. Rates are ln-norm per map, with a 95 % interval.</p>")
    cards, lines = [], []
    for row in growth:
        title, theory = esc(growth_title(row)), row.get("theory")
        sizes = f"depth {show(row.get('depth'))}, width {show(get(row, 'setting', 'width'))}, " \
                f"{show(row.get('seeds'))} seeds, {esc(text(row.get('provider')))} {esc(text(row.get('dtype')))}"
        if not is_ok(row) or not numbers(get(row, "ln_norm", "median")):
            lines.append([title, esc(text(row.get("provider"))), esc(text(row.get("status")) or "?"),
                          esc(text(row.get("reason"))), "", ""])
            continue
        verdict = text(row.get("verdict"))
        says = f"theory {show(get(theory, 'rate'))}" if isinstance(theory, dict) else "no theory"
        cards.append(f'<figure class="card"><figcaption><b>{title}</b> {badge(verdict)}<br><small>{sizes}<br>'
                     f'rate {interval(row.get("rate"))}; {says}</small></figcaption>{growth_figure(page, row)}</figure>')
        source = f"{text(get(theory, 'formula'))} ({text(get(theory, 'source'))})" if isinstance(theory, dict) else "–"
        lines.append([title, esc(text(row.get("provider"))), badge(verdict), interval(row.get("rate")),
                      show(get(theory, "rate")), esc(source)])
    page.add(f'<div class="cards">{"".join(cards)}</div>')
    page.add("<details><summary>The same as a table</summary>" +
             table(["net", "provider", "verdict", "rate", "theory", "formula and source"], lines, {3, 4}) + "</details>")


# ---- speed -----------------------------------------------------------------------------------------


def cell(row, fastest):
    """One provider's time in the overview."""
    if row is None:
        return ""
    status, reason = text(row.get("status")), text(row.get("reason"))
    if is_ok(row) and number(row.get("ms")):
        time = show(row["ms"])
        return f"<b>{time}</b>" if row is fastest else time
    if status == "unsupported":
        return f'<span class=dim title="{esc(reason)}">–</span>'
    return f'<span class="badge bad" title="{esc(reason)}">{esc(status or "?")}</span>'


def speed_section(page, speed):
    if not speed:
        return
    providers = in_order(text(r.get("provider")) for r in speed)
    problems = list(dict.fromkeys(text(r.get("problem")) for r in speed))
    lines = []
    for problem in problems:
        by_provider = {text(r.get("provider")): r for r in speed if text(r.get("problem")) == problem}
        racing = [r for p, r in by_provider.items()
                  if is_ok(r) and number(r.get("ms")) and p not in NOT_FOR_SPEED]
        fastest = min(racing, key=lambda r: number(r["ms"]), default=None)
        share = number(get(fastest, "of_limit"))
        lines.append([esc(problem)] + [cell(by_provider.get(p), fastest) for p in providers] +
                     [show(get(fastest, "gb_per_s")), show(get(fastest, "gflop_per_s")),
                      "–" if share is None else f"{100 * share:.0f} %"])
    header = ["problem"] + [esc(p) for p in providers] + ["GB/s", "GFLOP/s", "of limit"]
    page.add("<h2>Speed</h2><p>Median ms of one run, providers side by side; the fastest in bold, its rates on the "
             "right. A dash: unsupported; the reason appears on hover and below.</p>")
    page.add(table(header, lines, set(range(1, len(header)))))
    every = []
    for r in speed:
        state = "ok" if is_ok(r) else f"{text(r.get('status'))}: {text(r.get('reason'))}"
        growth = f"{show(get(r, 'growth', 'total'))} {text(get(r, 'growth', 'verdict'))}" if get(r, "growth") else \
            text(r.get("growth_reason"))
        every.append([esc(text(r.get("name"))), esc(state)] +
                     [show(r.get(k)) for k in ("ms", "ms_min", "samples", "gb_per_s", "gflop_per_s", "limit_ms")] +
                     [esc(growth), esc(text(r.get("detail")))])
    page.add("<details><summary>Every row</summary>" +
             table(["name", "status", "ms", "min", "samples", "GB/s", "GFLOP/s", "limit ms", "gradient, ln ratio",
                    "detail"], every, set(range(2, 8))) + "</details>")


# ---- training --------------------------------------------------------------------------------------

NET_COLOURS = ["#1f6feb", "#e8710a", "#2e8b57", "#8e44ad", "#c0392b", "#8d6e63"]


def training_section(page, train):
    if not train:
        return
    nets = list(dict.fromkeys(text(r.get("net")) for r in train))
    loss, accuracy, lines = [], [], []
    for row in train:
        net = text(row.get("net"))
        if not is_ok(row):
            lines.append([esc(net), esc(text(row.get("provider"))),
                          esc(f"{text(row.get('status'))}: {text(row.get('reason'))}")] + ["–"] * 8)
            continue
        style = {"name": esc(net), "mode": "lines", "line": {"color": NET_COLOURS[nets.index(net) % len(NET_COLOURS)]},
                 "hovertemplate": "step %{x}: %{y:.3g}<extra>" + esc(net) + "</extra>"}
        loss.append({**style, "x": numbers(get(row, "loss_curve", "step")), "y": numbers(get(row, "loss_curve", "loss"))})
        accuracy.append({**style, "mode": "lines+markers", "showlegend": False,
                         "x": numbers(get(row, "accuracy", "step")), "y": numbers(get(row, "accuracy", "value"))})
        last = [v for v in numbers(get(row, "loss_curve", "loss")) if v is not None][-1:]
        clipped = number(row.get("clipped_fraction"))
        update = f"{esc(text(row.get('optimiser')))} {number(row.get('learning_rate')) or 0:g}"
        lines.append([esc(net), esc(text(row.get("provider"))), update, show(row.get("seed")), show(row.get("steps")),
                      show(last[0] if last else None), show(row.get("test_accuracy")),
                      "–" if clipped is None else f"{100 * clipped:.0f} %", show(row.get("skipped_updates")),
                      show(get(row, "gradient_norm", "median")), show(row.get("seconds"))])
    baseline = next((number(r.get("baseline_loss")) for r in train if number(r.get("baseline_loss"))), None)
    shapes = [] if baseline is None else [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": baseline, "y1": baseline,
         "line": {"color": "#8a8f98", "dash": "dot", "width": 1}}]
    sizes = next((r for r in train if number(r.get("train_size"))), {})
    page.add("<h2>Training</h2><p>Sequential digits: 64 pixels one by one, ten classes. Dotted: the loss of a guess, "
             f"{show(baseline)}. Accuracy on {show(sizes.get('test_size'))} images that were not trained on "
             f"({show(sizes.get('train_size'))} were), by the same writers.</p>")
    if loss:
        page.add('<div class="pair">' +
                 page.figure(loss, layout(320, xaxis=axis("update"), yaxis=axis("training loss"), shapes=shapes)) +
                 page.figure(accuracy, layout(320, xaxis=axis("update"), yaxis=axis("test accuracy", range=[0, 1]))) +
                 "</div>")
    page.add(table(["net", "provider", "update", "seed", "steps", "loss", "accuracy", "clipped", "skipped",
                    "median |g|", "seconds"], lines, set(range(3, 11))))


# ---- the machine and what the numbers are ----------------------------------------------------------


def machine_section(page, info):
    page.add("<h2>Machine</h2>")
    if not info:
        page.add("<p>The results have no row of kind <code>info</code>.</p>")
        return
    lines = []
    for key, value in info.items():
        if key in ("kind", "name", "status", "reason", "provider", "dtype", "providers", "missing"):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{k} {show(v) if number(v) is not None else v}" for k, v in value.items())
        elif key == "memory_bytes" and number(value):
            key, value = "memory", f"{value / 2**30:.1f} GiB"
        lines.append([esc(key), esc(value)])
    for name, version in (info.get("providers") or {}).items() if isinstance(info.get("providers"), dict) else ():
        lines.append([f"provider {esc(name)}", esc(version)])
    for name, reason in (info.get("missing") or {}).items() if isinstance(info.get("missing"), dict) else ():
        lines.append([f"provider {esc(name)}", "missing: " + esc(reason)])
    page.add(table(["what", "value"], lines))


def notes_section(page, rows, problems):
    page.add("""<h2>What these numbers are</h2><ul>
<li><b>Measured:</b> times are wall times on this machine, medians, providers timed in turn. Gradients are those of the
runs themselves.</li>
<li><b>Model:</b> GB/s and GFLOP/s divide the least bytes and operations that the problem needs by the time; no counter
was read. The limit takes measured bandwidth and peak. Theory is exact for linear chains, and for wide nets in the mean
where it says mean field; a net of finite width, or one seed, scatters around it.</li>
<li><b>Not for speed:</b> <code>reference</code> is plain float64 loops. <code>simt</code> executes the CUDA kernels' source on
the CPU to check it; its time says nothing about a GPU.</li>
<li>A row that is not ok shows no time.</li></ul>""")
    beyond = [r for r in rows if (number(r.get("of_limit")) or 0) > 1.05]
    if beyond:
        page.add(f"<p><b>Doubtful:</b> {len(beyond)} rows are faster than their limit. Either the machine was busy while "
                 "its bandwidth and peak were measured, or the data stayed in the cache.</p>")
    reasons = {}
    for r in rows:
        if "status" in r and not is_ok(r):
            key = (text(r.get("status")), text(r.get("provider")), text(r.get("reason")))
            reasons.setdefault(key, []).append(text(r.get("problem")) or text(r.get("name")))
    if reasons:
        lines = [[esc(provider), esc(status), esc(reason), len(names), f'<small>{esc(names[0])}{" …" if len(names) > 1 else ""}</small>']
                 for (status, provider, reason), names in sorted(reasons.items())]
        page.add("<h3>What was not done, and why</h3>" + table(["provider", "status", "reason", "rows", "for example"], lines, {3}))
    if problems:
        listed = "".join(f"<li>{esc(p)}</li>" for p in problems[:20])
        page.add(f"<h3>Lines that were skipped</h3><p>{len(problems)} of the file:</p><ul>{listed}</ul>")


def style():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "report.css"), encoding="utf-8") as file:
        return file.read()


DRAW = """
const figures = JSON.parse(document.getElementById('figures').textContent);
figures.forEach((f, i) => Plotly.newPlot('figure' + i, f.data, f.layout, {responsive: true, displayModeBar: false}));
"""


def build(rows, problems, plotly_js):
    """The whole page."""
    page = Page()
    info = next(iter(of_kind(rows, "info")), None)
    speed, growth, train = (of_kind(rows, kind) for kind in ("speed", "growth", "train"))
    states = [text(r.get("status")) for r in rows if "status" in r]
    count = ", ".join(f"{states.count(s)} {s}" for s in ("ok", "unsupported", "incorrect", "error") if s in states)
    where = f"{esc(text(get(info, 'processor')))}, {show(get(info, 'cores'))} cores, {esc(text(get(info, 'date')))}. " if info else ""
    page.add("<h1>gradepth</h1><p>How deep does a gradient reach, and what does it cost to get there?<br>"
             f"<span class=dim>{where}{len(rows)} rows: {esc(count)}.</span></p>")
    headline_section(page, speed)
    growth_section(page, growth)
    speed_section(page, speed)
    training_section(page, train)
    machine_section(page, info)
    notes_section(page, rows, problems)
    # "<" must not end the script element; JSON allows it to be written as an escape.
    figures = json.dumps(page.figures, allow_nan=False).replace("<", "\\u003c")
    return ('<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><title>gradepth</title>'
            f"<style>{style()}</style></head><body>{''.join(page.parts)}"
            f'<script>{plotly_js}</script><script id="figures" type="application/json">{figures}</script>'
            f"<script>{DRAW}</script></body></html>\n")


def main(arguments):
    if len(arguments) != 1:
        print("usage: report.py RESULTS_DIR", file=sys.stderr)
        return 2
    source = os.path.join(arguments[0], "results.jsonl")
    try:
        rows, problems = read_rows(source)
    except OSError as error:
        print(f"report: {source}: {error.strerror}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"report: {source} {problem}; skipped", file=sys.stderr)
    if not rows:
        print(f"report: {source}: no rows", file=sys.stderr)
        return 2
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        print("report: Python has no plotly (pip install -r bench/requirements.txt); no report.html", file=sys.stderr)
        return 3
    target = os.path.join(arguments[0], "report.html")
    with open(target + ".part", "w", encoding="utf-8") as file:
        file.write(build(rows, problems, get_plotlyjs()))
    os.replace(target + ".part", target)
    print(f"report: {target}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
