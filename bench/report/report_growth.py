"""Growth rows of single nets: the curve, and what else was asked for."""

import math

from report_page import DIVERGING, at_least, axis, badge, card, drawn, error_bars, interval, layout, rule, table
from report_rows import esc, get, is_ok, number, numbers, show, text

SMALL = {"l": 48, "r": 8, "t": 6, "b": 36}


# Keys of `setting` that a title says in its own way, or leaves out. Whatever else a row has, a knob younger than this
# list, stands there because somebody turned it (host/knobs/knob.h), and is said.
OWN_WORDS = {"net", "activation", "init", "share", "density", "forget_bias", "residual", "form"}
LEFT_OUT = {"width", "batch", "bias", "h0", "input", "loss_gradient", "first_seed", "clip_value", "loss_scale", "weights",
            "loss_on", "slope"}


def growth_title(row):
    """What tells this net from its neighbours."""
    s = row.get("setting") if isinstance(row.get("setting"), dict) else {}
    if not s:
        return text(row.get("name"))
    parts = [text(s.get("net")), text(s.get("activation")), text(s.get("init"))]
    layers = text(s.get("net")) in ("mlp", "cnn", "residual")
    if s.get("share") == "off" and not layers:
        parts.append("fresh W per step")
    if s.get("share") == "on" and layers:
        parts.append("one W for all layers")
    if number(s.get("density")) not in (None, 1.0):
        parts.append(f"density {show(s['density'])}")
    if number(s.get("forget_bias")):
        parts.append(f"forget bias {show(s['forget_bias'])}")
    parts += [text(s.get("residual")), text(s.get("form"))]
    parts += [f"{key.replace('_', ' ')} {show(value) if number(value) is not None else text(value)}"
              for key, value in s.items() if key not in OWN_WORDS | LEFT_OUT]
    return ", ".join(p for p in parts if p)


def sizes(row):
    return f"depth {show(row.get('depth'))}, width {show(get(row, 'setting', 'width'))}, {drawn(row)}"


def formula_and_source(theory):
    return f"{text(get(theory, 'formula'))} ({text(get(theory, 'source'))})"


# ---- the curve over depth --------------------------------------------------------------------------


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
                                    yaxis=axis("ln ratio", **at_least(0.1, median, low, high)), margin=SMALL))


def norm_of_power(row, key):
    """|W^t| as markup, also where it leaves float64's range."""
    ln = number(get(row, "transient", f"ln_{key}"))
    value = get(row, "transient", key)
    return show(value) if number(value) is not None or ln is None else f"e<sup>{show(ln)}</sup>"


def transient_sentence(row):
    step = number(get(row, "transient", "step"))
    if step is None:
        return ""
    radius, depth = number(row.get("spectral_radius")), row.get("depth")
    last = "the last" if step == depth else f"and {norm_of_power(row, 'last')} at t = {show(depth)}"
    return (f"|W<sup>t</sup>| is at most {norm_of_power(row, 'max')}, at t = {show(step)}, {last}" +
            ("." if radius is None else f"; spectral radius of W {show(radius)}."))


def rescaled_sentence(row):
    """What a backward pass in float64 says that is rescaled at every step."""
    if number(get(row, "renormalised", "rate", "value")) is None:
        return ""
    return f"In float64, rescaled at every step: rate {interval(get(row, 'renormalised', 'rate'))}."


def growth_card(page, row):
    theory = row.get("theory")
    says = f"theory {show(get(theory, 'rate'))}" if isinstance(theory, dict) else "no theory"
    more = " ".join(filter(None, (transient_sentence(row), rescaled_sentence(row))))
    return card(f"{esc(growth_title(row))} {badge(text(row.get('verdict')))}",
                f"{sizes(row)}<br>rate {interval(row.get('rate'))}; {says}",
                growth_figure(page, row) + (f"<small>{more}</small>" if more else ""))


def growth_section(page, growth):
    if not growth:
        return
    page.add("<h2>How the gradient grows</h2><p>ln of the gradient's norm against the number of maps back from "
             "the loss. <b class=measured>Blue</b>: median over seeds, band p10 to p90. "
             "<b class=theory>Dashed red</b>: the slope of theory. Rates are ln-norm per map, with a 95 % "
             "interval.</p>")
    cards, lines = [], []
    for row in growth:
        title, theory = esc(growth_title(row)), row.get("theory")
        if not is_ok(row) or not numbers(get(row, "ln_norm", "median")):
            lines.append([title, esc(text(row.get("provider"))), esc(text(row.get("status")) or "?"),
                          esc(text(row.get("reason"))), "", ""])
            continue
        cards.append(growth_card(page, row))
        source = formula_and_source(theory) if isinstance(theory, dict) else "–"
        lines.append([title, esc(text(row.get("provider"))), badge(text(row.get("verdict"))),
                      interval(row.get("rate")), show(get(theory, "rate")), esc(source)])
    page.add(f'<div class="cards">{"".join(cards)}</div>')
    page.add("<details><summary>The same as a table</summary>" +
             table(["net", "provider", "verdict", "rate", "theory", "formula and source"], lines, {3, 4}) +
             "</details>")
    done = [row for row in growth if is_ok(row)]
    weight_gradient_section(page, done)
    lyapunov_section(page, done)
    precision_section(page, done)


# ---- contributions to dW by lag --------------------------------------------------------------------


def cosines(row):
    """The lags and the matrix of cosines between their contributions, or None."""
    lags, rows = numbers(get(row, "weight_gradient", "cosine_lags")), get(row, "weight_gradient", "cosine")
    matrix = [numbers(line) for line in rows] if isinstance(rows, list) else []
    square = len(matrix) == len(lags) and all(len(line) == len(lags) for line in matrix)
    known = any(cosine is not None for line in matrix for cosine in line)
    return (lags, matrix) if square and known and None not in lags else None


def weight_gradient_section(page, growth):
    cards, plain = [], {"showgrid": False, "zeroline": False, "constrain": "domain"}
    for row in growth:
        found = cosines(row)
        if not found:
            continue
        lags, matrix = found
        data = [{"type": "heatmap", "x": lags, "y": lags, "zmin": -1, "zmax": 1, "colorscale": DIVERGING,
                 "z": [[None if c is None else round(c, 3) for c in line] for line in matrix],
                 "colorbar": {"thickness": 10, "outlinewidth": 0, "tickvals": [-1, 0, 1]},
                 "hovertemplate": "lags %{x} and %{y}: %{z:.2f}<extra></extra>"}]
        figure = page.figure(data, layout(
            260, margin=SMALL, plot_bgcolor="#d0d7de", xaxis=axis("lag", **plain),
            yaxis=axis("lag", autorange="reversed", scaleanchor="x", **plain)))
        cards.append(card(esc(growth_title(row)), f"{sizes(row)}<br>|dL/dW| "
                          f"{show(get(row, 'weight_gradient', 'sum'), rounding=0)}, "
                          f"{show(get(row, 'weight_gradient', 'cancellation'))} of the sum of its parts", figure))
    if cards:
        page.add("<h3>Do the contributions to dL/dW point the same way?</h3><p>A shared W collects one contribution "
                 "from each lag, the number of steps back from the loss. Cosine between those of two lags, mean over "
                 "seeds: red, the same way; blue, against each other; grey, one of them is 0.</p>"
                 f'<div class="cards">{"".join(cards)}</div>')


# ---- Lyapunov exponents ----------------------------------------------------------------------------


def lyapunov_section(page, growth):
    cards = []
    for row in growth:
        values, low, high = (numbers(row.get(k)) for k in ("lyapunov", "lyapunov_low", "lyapunov_high"))
        if not values:
            continue
        low, high = (ends if len(ends) == len(values) else [None] * len(values) for ends in (low, high))
        known = numbers(get(row, "lyapunov_theory", "exponents"))
        place = list(range(1, len(values) + 1))
        data = [{"x": place, "y": values, "mode": "markers", "marker": {"color": "#1f6feb", "size": 7},
                 "error_y": error_bars(values, low, high), "name": "measured",
                 "hovertemplate": "exponent %{x}: %{y:.4g}<extra></extra>"},
                {"x": list(range(1, len(known) + 1)), "y": known, "mode": "markers", "name": "theory",
                 "marker": {"color": "#c0392b", "symbol": "line-ew-open", "size": 16, "line": {"width": 2}},
                 "hovertemplate": "theory, exponent %{x}: %{y:.4g}<extra></extra>"}]
        figure = page.figure(data, layout(
            220, showlegend=False, margin=SMALL,
            yaxis=axis("ln per map", **at_least(0.01, values, low, high, known)),
            xaxis=axis("exponent", range=[0.4, len(values) + 0.6], **({"dtick": 1} if len(values) < 12 else {}))))
        first = interval({"value": values[0], "low": low[0], "high": high[0]})
        says = "no theory"
        if known:
            says = f"theory {show(known[0])}: {esc(formula_and_source(row['lyapunov_theory']))}"
        cards.append(card(esc(growth_title(row)), f"{sizes(row)}<br>largest {first}; {says}", figure))
    if cards:
        page.add("<h3>Lyapunov exponents</h3><p>Growth of orthogonal directions under the product of Jacobians, "
                 "largest first. <b class=measured>Blue</b>: mean over seeds with a 95 % interval. "
                 f'<b class=theory>Red</b>: theory.</p><div class="cards">{"".join(cards)}</div>')


# ---- where a number format loses the gradient ------------------------------------------------------

FRACTIONS = (("zero", "#57606a"), ("subnormal", "#f2c14e"), ("nonfinite", "#c0392b"))


def power_of_two(value):
    x = number(value)
    if not x or x < 0:
        return show(x)
    return f"2<sup>{show(math.log2(x))}</sup>"


def horizon_sentence(horizon):
    """Where the gradient is lost, and which loss scale would save it."""
    lost, saving = number(horizon.get("lost_at")), number(horizon.get("saving_loss_scale"))
    if lost is None:
        return "not lost"
    if saving:
        return f"lost at depth {show(lost)}; saved by loss scale {power_of_two(saving)}"
    best = get(horizon, "best", "loss_scale")
    return f"lost at depth {show(lost)}; no loss scale saves it" + (
        "" if number(best) is None else f", {power_of_two(best)} carries it to {show(get(horizon, 'best', 'lost_at'))}")


def horizon_card(page, horizon):
    data = [{"x": list(range(len(y))), "y": y, "name": name, "stackgroup": "fractions", "mode": "lines",
             "line": {"width": 0, "color": colour}, "fillcolor": colour,
             "hovertemplate": "%{y:.2f} " + name + "<extra></extra>"}
            for name, colour in FRACTIONS for y in [numbers(horizon.get(name))]]
    lost = number(horizon.get("lost_at"))
    figure = page.figure(data, layout(
        180, showlegend=False, margin=SMALL, hovermode="x", xaxis=axis("depth"),
        yaxis=axis("fraction", range=[0, 1]),
        shapes=[] if lost is None else [rule("x", lost, color="#24292f", width=1.5)]))
    flushed = ", subnormals flushed" if horizon.get("flush") is True else ""
    return card(esc(text(horizon.get("dtype"))) + flushed,
                f"loss scale {show(horizon.get('loss_scale'))}: {horizon_sentence(horizon)}", figure)


def precision_section(page, growth):
    parts = []
    for row in growth:
        horizons = row.get("precision") if isinstance(row.get("precision"), list) else []
        horizons = [h for h in horizons if isinstance(h, dict)]
        if horizons:
            cards = "".join(horizon_card(page, h) for h in horizons)
            parts.append(f"<h4>{esc(growth_title(row))} <small>{sizes(row)}</small></h4>"
                         f'<div class="cards short">{cards}</div>')
    if parts:
        legend = ", ".join(f'<span class=nowrap><span class="key" style="background:{colour}"></span> '
                           f"{name.replace('nonfinite', 'not finite')}</span>" for name, colour in FRACTIONS)
        page.add("<h3>Precision horizon</h3><p>Elements of the gradient by depth in each number format, as a fraction: "
                 f"{legend}. The gradient is lost (dotted line) where half of the elements that are not 0 in float64 "
                 "are 0, or one is not finite: median over seeds.</p>" + "".join(parts))
