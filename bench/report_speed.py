"""Speed rows: time and gradient over depth, and the overview of providers."""

import math
import re

from report_page import axis, colour, in_order, layout, table
from report_rows import esc, get, is_ok, number, numbers, show, text

NOT_FOR_SPEED = {"reference", "simt"}  # plain loops; an executor that checks
LN10 = math.log(10)


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
