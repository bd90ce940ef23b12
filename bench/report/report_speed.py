"""Speed rows: time and gradient over depth, and the overview of providers. What the checks found."""

import math
import re

from report_page import axis, breakable, colour, error_bars, in_order, layout, table
from report_rows import best_of_each, esc, get, is_ok, number, numbers, show, text

NOT_FOR_SPEED = {"reference", "simt"}  # plain loops; an executor that checks
LIBRARY = {"cpu": "onednn", "cuda": "cudnn"}  # what our code is held against
LN10 = math.log(10)
FAR_APART = 10  # times: from here on a linear axis would hide the faster ones

# ---- time and gradient over depth ------------------------------------------------------------------


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


def far_apart(rows):
    """Whether, at one depth, one provider takes many times as long as another."""
    times = {}
    for row in rows:
        if number(row.get("ms")) and row.get("provider") not in NOT_FOR_SPEED:
            times.setdefault(row["depth"], []).append(number(row["ms"]))
    return any(min(t) > 0 and max(t) > FAR_APART * min(t) for t in times.values())


def headline(page, family, rows):
    data = []
    for name in in_order(text(r.get("provider")) for r in rows):
        own = sorted((r for r in rows if r.get("provider") == name), key=lambda r: r["depth"])
        timed = [r for r in own if number(r.get("ms"))]
        times, low, high = ([number(r.get(k)) for r in timed] for k in ("ms", "ms_lower", "ms_upper"))
        style = {"name": esc(name), "legendgroup": esc(name), "line": {"color": colour(name)},
                 "marker": {"color": colour(name), "size": 7}}
        hidden = {"visible": "legendonly"} if name in NOT_FOR_SPEED else {}
        symbols = ["circle-open" if r.get("disturbed") is True else "circle" for r in timed]
        data.append({**style, **hidden, "mode": "lines+markers", "x": [r["depth"] for r in timed], "y": times,
                     "marker": {**style["marker"], "symbol": symbols}, "error_y": error_bars(times, low, high),
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
    scale = {"type": "log", "dtick": 1} if far_apart(rows) else {"rangemode": "tozero"}
    figure = page.figure(data, layout(
        520,
        xaxis=axis("depth: maps between the loss and the state", anchor="y2", rangemode="tozero"),
        yaxis=axis("ms per training step", domain=[0.52, 1], **scale),
        yaxis2=axis("ln gradient ratio", domain=[0, 0.46]),
        legend={"orientation": "h", "y": -0.16, "x": 0},
        shapes=[band],
    ))
    page.add(f"<h3>{esc(family)}</h3>{figure}")


def headline_section(page, speed):
    families = depth_families(best_of_each(speed)[0])
    if not families:
        return
    page.add("<h2>Time and gradient over depth</h2><p>Above: the time of one training step, with quartiles. Below: ln "
             "of the gradient's norm relative to the loss end, in the same runs; the line follows one deep net from "
             "its loss back, each dot is the far end of a net of that depth. Shaded: less than tenfold change.</p>")
    ranked = sorted(families.items(), key=lambda f: (not f[0].startswith("recurrent/"), -len(f[1])))
    for family, rows in ranked[:3]:
        headline(page, family, rows)


# ---- providers side by side ------------------------------------------------------------------------


def timed(row):
    """The row's median, if it counts."""
    return number(row.get("ms")) if row and is_ok(row) else None


def cell(row, fastest):
    """One provider's time in the overview."""
    if row is None:
        return ""
    status, reason = text(row.get("status")), text(row.get("reason"))
    if timed(row):
        time = show(row["ms"]) + (' <span title="disturbed">≈</span>' if row.get("disturbed") is True else "")
        return f"<b>{time}</b>" if row is fastest else time
    if status == "unsupported":
        return f'<span class=dim title="{esc(reason)}">–</span>'
    return f'<span class="badge bad" title="{esc(reason)}">{esc(status or "?")}</span>'


def times_as_fast(own, library):
    """How many times as fast our row is as the library's, by their medians; a loss stands out."""
    if not (timed(own) and timed(library)):
        return ""
    ratio = timed(library) / timed(own)
    return f'<span class="badge {"good" if ratio >= 1 else "bad"}">{show(ratio)}</span>'


def percent(share):
    return "–" if share is None else f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def in_families(rows):
    """Problems in the order of the rows, but those of one kind together, and within it those of one family."""
    order = {}
    for row in rows:
        problem, family = text(row.get("problem")), text(row.get("family"))
        order.setdefault(problem.split("/")[0], {}).setdefault(family, {})[problem] = None
    return [problem for kind in order.values() for family in kind.values() for problem in family]


def repeats_sentence(apart):
    if not apart:
        return ""
    return (f" {len(apart)} rows were measured more than once: the fastest counts; their medians lie up to "
            f"{100 * max(apart):.0f} % apart.")


def speed_section(page, speed):
    if not speed:
        return
    rows, apart = best_of_each(speed)
    providers = in_order(text(r.get("provider")) for r in rows)
    ours = [p for p in providers if LIBRARY.get(p) in providers]
    by_problem = {}
    for row in rows:
        by_problem.setdefault(text(row.get("problem")), {})[text(row.get("provider"))] = row
    lines = []
    for problem in in_families(rows):
        by_provider = by_problem[problem]
        racing = [r for p, r in by_provider.items() if timed(r) and p not in NOT_FOR_SPEED]
        fastest = min(racing, key=timed, default=None)
        lines.append([breakable(problem)] + [cell(by_provider.get(p), fastest) for p in providers] +
                     [times_as_fast(by_provider.get(p), by_provider.get(LIBRARY[p])) for p in ours] +
                     [show(get(fastest, "gb_per_s")), show(get(fastest, "gflop_per_s")),
                      percent(number(get(fastest, "of_limit")))])
    header = ["problem"] + [esc(p) for p in providers] + [f"{p} : {LIBRARY[p]}" for p in ours] + \
        ["GB/s", "GFLOP/s", "of limit"]
    ratio = " A colon: how many times as fast as the library our code is; below 1 it is slower." if ours else ""
    page.add("<h2>Speed</h2><p>Median ms of one run, providers side by side; the fastest in bold, its rates on the "
             f"right.{ratio} A dash: unsupported; the reason appears on hover and below. Empty: not run. ≈: disturbed "
             f"by other programs.{repeats_sentence(apart)}</p>")
    page.add(table(header, lines, set(range(1, len(header)))))
    every_row(page, speed)


def every_row(page, speed):
    every = []
    for r in speed:
        state = "ok" if is_ok(r) else f"{text(r.get('status'))}: {text(r.get('reason'))}"
        growth = show(get(r, "growth", "total")) if get(r, "growth") else text(r.get("growth_reason"))
        versus = f"{show(get(r, 'versus', 'speedup'))} [{show(get(r, 'versus', 'low'))}, " \
            f"{show(get(r, 'versus', 'high'))}]" if number(get(r, "versus", "speedup")) else ""
        every.append([breakable(text(r.get("name"))), esc(state)] +
                     [show(r.get(k)) for k in ("ms", "ms_min", "ms_lower", "ms_upper", "samples")] + [versus] +
                     [show(r.get(k)) for k in ("gb_per_s", "gflop_per_s", "limit_ms")] +
                     [esc(growth), esc(text(r.get("detail")))])
    page.add("<details><summary>Every row</summary>" +
             table(["name", "status", "ms", "min", "quartile", "quartile", "samples", "× library",
                    "GB/s", "GFLOP/s", "limit ms", "gradient, ln ratio", "detail"], every, set(range(2, 11))) +
             "</details>")


# ---- what was checked ------------------------------------------------------------------------------


def check_section(page, checks):
    """How many rows of each provider agree with the reference."""
    if not checks:
        return
    lines = []
    for provider in in_order(text(r.get("provider")) for r in checks):
        own = [r for r in checks if text(r.get("provider")) == provider]
        states = [text(r.get("status")) for r in own]
        of_allowed = [number(r.get("error")) / number(r.get("tolerance")) for r in own
                      if is_ok(r) and number(r.get("error")) is not None and number(r.get("tolerance"))]
        lines.append([esc(provider)] + [states.count(s) for s in ("ok", "incorrect", "unsupported", "error")] +
                     [percent(max(of_allowed, default=None))])
    page.add("<h2>Checks</h2><p>Every result against the float64 reference, on small problems of awkward sizes. What "
             "was not right is listed below.</p>" +
             table(["provider", "right", "incorrect", "unsupported", "error", "largest error of the allowed"], lines,
                   set(range(1, 6))))
