"""The pictures of report_notes.py: a figure and its caption, or nothing where the rows have none."""


from report_growth import growth_title
from report_page import axis, error_bars, layout, rule
from report_rows import esc, get, number, numbers, show, text
from report_share import objects

BLUE, RED, GREEN, GREY, ORANGE = "#1f6feb", "#c0392b", "#2e8b57", "#8a8f98", "#e8710a"
LINES = [BLUE, ORANGE, GREEN, "#8e44ad", RED, "#8d6e63", "#0f766e", "#a16207", "#be185d", "#475569"]
# A legend of several lines, as on a narrow screen, must not lie on the figure or its axis.
ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
BELOW = {"orientation": "h", "x": 0, "y": -0.4, "yanchor": "top"}
ROOM_ABOVE = {"l": 50, "r": 12, "t": 78, "b": 40}
FORMATS = (("f32", "f32", BLUE, "circle"), ("bf16", "bf16", GREEN, "square"), ("f16", "f16", ORANGE, "diamond"))


def short(net):
    """What tells a net from its neighbours: its title without what all of them share."""
    title = growth_title(net)
    bias = text(get(net, "setting", "bias"))
    return esc(title + ("" if bias in ("", "constant:0") else f", b {bias}"))


def changed(net, **settings):
    """The net's settings with these in place of its own, for a title of what it shares with others."""
    own = net.get("setting")
    return {"setting": {**(own if isinstance(own, dict) else {}), **settings}}


def weight(net):
    """w of `constant:w`, or None."""
    try:
        return float(text(get(net, "setting", "init")).removeprefix("constant:"))
    except ValueError:
        return None


def names_axis(names):
    return axis(tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.5, -0.5], showgrid=False,
                zeroline=False)


def blame(page, run):
    nets = [net for net in run["blame"] if number(get(net, "rate_slope", "value")) is not None]
    if not nets:
        return "", ""
    names = [short(net) for net in nets]
    data = [{"type": "bar", "orientation": "h", "name": name, "y": list(range(len(nets))),
             "x": [number(get(net, key, "value")) for net in nets], "marker": {"color": colour},
             "hovertemplate": "%{x:.3g}<extra>" + name + "</extra>"}
            for key, name, colour in (("rate_slope", "slopes", BLUE), ("rate_weight", "weights", ORANGE))]
    rate, low, high = ([number(get(net, "rate", k)) for net in nets] for k in ("value", "low", "high"))
    data.append({"x": rate, "y": list(range(len(nets))), "mode": "markers", "name": "both: the rate",
                 "marker": {"color": "#24292f", "size": 7}, "error_x": error_bars(rate, low, high),
                 "hovertemplate": "rate %{x:.3g}<extra></extra>"})
    figure = page.figure(data, layout(130 + 30 * len(nets), barmode="relative", xaxis=axis("ln-norm per map"),
                                      yaxis=names_axis(names), legend=ABOVE, margin=ROOM_ABOVE))
    return figure, ("Who is to blame: each map's part from dL/dh to dL/da, by the slopes, and from dL/da to the next "
                    "dL/dh, by the weights. They add up to the rate.")


def paths(page, run):
    row = next((r for r in run["growth"] if numbers(get(r, "ln_open_paths"))
                and text(get(r, "setting", "activation")) == "relu"
                and text(get(r, "setting", "net")) == "mlp"), None)
    if row is None:
        return "", ""
    curves = ((numbers(row.get("ln_open_paths")), "paths that are open", ORANGE),
              (numbers(get(row, "ln_norm", "median")), "the gradient's norm", BLUE))
    data = [{"x": list(range(len(y))), "y": y, "mode": "lines", "name": name, "line": {"color": colour, "width": 2},
             "hovertemplate": "%{x} back: %{y:.3g}<extra>" + name + "</extra>"} for y, name, colour in curves]
    return page.figure(data, layout(280, xaxis=axis("depth"), yaxis=axis("ln"), legend=BELOW)), \
        f"{short(row)}: the share of open paths falls by half per map, the norm stays."


def radius(page, run):
    data = []
    for study, colour in zip(run["share"], LINES):
        for chain in objects(study.get("chains"))[:1]:
            radii, growths = numbers(get(chain, "law", "ln_radius")), numbers(chain.get("growths"))
            settled = get(chain, "law", "settled")
            if not radii or len(radii) != len(growths) or not isinstance(settled, list) or len(settled) != len(radii):
                continue
            depth = number(chain.get("depth")) or 0
            kept = [(depth * r, g) for r, g, s in zip(radii, growths, settled) if s is True and None not in (r, g)]
            data.append({"x": [x for x, _ in kept], "y": [y for _, y in kept], "mode": "markers", "name": short(chain),
                         "marker": {"color": colour, "size": 5, "opacity": 0.6},
                         "hovertemplate": "L ln ρ %{x:.3g}, growth %{y:.3g}<extra></extra>"})
    if not data:
        return "", ""
    ends = [x for curve in data for x in curve["x"]]
    line = [min(ends), max(ends)] if ends else []
    data.append({"x": line, "y": line, "mode": "lines", "name": "growth = L ln ρ",
                 "line": {"color": RED, "dash": "dash", "width": 1.5}, "hoverinfo": "skip"})
    return page.figure(data, layout(360, xaxis=axis("L ln ρ(W) of the draw"), yaxis=axis("ln of its gradient's growth"))), \
        ("One dot for each draw of W. ReLU: ρ of the part of W that its active units leave, of the draws whose active "
         "units no longer change.")


def contrast(page, run):
    names, data = [], []
    for chain_index, colour, label in ((0, RED, "one W"), (1, BLUE, "a fresh W for each map")):
        x, low, high, y = [], [], [], []
        for place, study in enumerate(run["share"]):
            chains = objects(study.get("chains"))
            if len(chains) <= chain_index:
                continue
            chain = chains[chain_index]
            if chain_index == 0:
                names.append(short(changed(chain, share=None)))
            x.append(number(get(chain, "rate", "value")))
            low.append(number(get(chain, "rate", "low")))
            high.append(number(get(chain, "rate", "high")))
            y.append(place + (-0.12 if chain_index == 0 else 0.12))
        data.append({"x": x, "y": y, "mode": "markers", "name": label, "marker": {"color": colour, "size": 8},
                     "error_x": error_bars(x, low, high), "hovertemplate": "%{x:.3g}<extra>" + label + "</extra>"})
    if not names:
        return "", ""
    return page.figure(data, layout(150 + 50 * len(names), xaxis=axis("rate, ln-norm per map"), yaxis=names_axis(names),
                                    shapes=[rule("x", 0)], legend=ABOVE, margin=ROOM_ABOVE)), \
        "Recurrent and convolutional nets, all else equal, with 95 % intervals over draws."


def irnn(page, run):
    data = []
    for net, dash in zip(run["irnn"], ("solid", "dash")):
        gradient, outputs = numbers(get(net, "ln_norm", "median")), numbers(net.get("forward_norm"))
        known = [x for x in outputs if x is not None]
        name = f"input {esc(text(get(net, 'setting', 'input')))}"
        data.append({"x": list(range(len(gradient))), "y": gradient, "mode": "lines", "name": f"gradient, {name}",
                     "line": {"color": BLUE, "dash": dash}})
        if known:
            data.append({"x": list(range(len(outputs))), "y": [None if x is None else x - known[-1] for x in outputs],
                         "mode": "lines", "name": f"outputs, {name}", "line": {"color": ORANGE, "dash": dash}})
    if not data:
        return "", ""
    return page.figure(data, layout(330, xaxis=axis("depth, steps back from the loss"), yaxis=axis("ln of the norm"), legend=BELOW)), \
        "The gradient relative to the loss end, the outputs relative to the first state."


def additive(page, run):
    data = []
    forms = list(dict.fromkeys(text(get(net, "setting", "form")) for net in run["additive"]))
    for form, colour in zip(forms, LINES):
        nets = [net for net in run["additive"] if text(get(net, "setting", "form")) == form]
        nets = sorted((net for net in nets if weight(net) is not None), key=weight)
        x = [weight(net) for net in nets]
        data.append({"x": x, "y": [number(get(net, "theory", "rate")) for net in nets], "mode": "lines",
                     "line": {"color": colour, "dash": "dash", "width": 1}, "showlegend": False, "hoverinfo": "skip"})
        data.append({"x": x, "y": [number(get(net, "rate", "value")) for net in nets], "mode": "markers",
                     "name": esc(form), "marker": {"color": colour, "size": 8},
                     "hovertemplate": "w %{x}: %{y:.3g}<extra>" + esc(form) + "</extra>"})
    if not data:
        return "", ""
    return page.figure(data, layout(300, xaxis=axis("w"), yaxis=axis("rate, ln-norm per step"), shapes=[rule("y", 0)])), \
        "Dots: measured. Dashed, from dot to dot: the largest root of the recurrence."


def windows(page, run):
    curves = {}
    for net in run["windows"]:
        title = short(changed(net, init=text(get(net, "setting", "init")).split(":")[0], bias=None))
        depth, width = number(net.get("depth")), number(get(net, "window", "width"))
        theory = number(get(net, "window", "theory", "width"))
        if depth and width:
            curves.setdefault(title, []).append((depth, width, theory))
    data = []
    for (title, points), colour in zip(curves.items(), LINES):
        points.sort(key=lambda p: p[0])
        data.append({"x": [p[0] for p in points], "y": [p[1] for p in points], "mode": "lines+markers", "name": title,
                     "line": {"color": colour}, "hovertemplate": "L %{x}: %{y:.3g}<extra>" + title + "</extra>"})
        known = [p for p in points if p[2]]
        if known:
            data.append({"x": [p[0] for p in known], "y": [p[2] for p in known], "mode": "markers", "showlegend": False,
                         "marker": {"color": colour, "symbol": "x-thin-open", "size": 9, "line": {"width": 2}},
                         "hovertemplate": "theory %{y:.3g}<extra>" + title + "</extra>"})
    if not data:
        return "", ""
    return page.figure(data, layout(480, xaxis=axis("depth", type="log", dtick=1), yaxis=axis(
        "width of the window of gains", type="log", dtick=1), legend=BELOW)), \
        ("Gains between which the gradient stays within a factor of ten over the whole way. Crosses: theory, where "
         "there is one.")


def laws(page, run):
    data = []
    for net, colour in zip(run["laws"], LINES):
        y = numbers(get(net, "ln_norm", "median"))
        every = max(1, len(y) // 200)
        data.append({"x": list(range(len(y)))[::every], "y": y[::every], "mode": "lines",
                     "name": f"{short(net)}: {esc(text(get(net, 'law', 'kind')) or 'no law')}", "line": {"color": colour}})
    if not data:
        return "", ""
    return page.figure(data, layout(330, xaxis=axis("depth"), yaxis=axis("ln ratio"), legend=BELOW)), \
        ("Straight: exponential. A power law and a stretched exponential bend; the law is judged from what each map adds, "
         "counted from the input.")


def memory(page, run):
    points = [(weight(net), number(get(net, "weight_gradient", "sum_squared_mean")),
               number(get(net, "weight_gradient", "theory", "sum_squared_mean"))) for net in run["memory"]]
    points = sorted((p for p in points if p[0] is not None), key=lambda p: p[0])
    if not points:
        return "", ""
    x = [p[0] for p in points]
    data = [{"x": x, "y": [p[2] for p in points], "mode": "lines", "name": "theory",
             "line": {"color": RED, "dash": "dash"}},
            {"x": x, "y": [p[1] for p in points], "mode": "markers", "name": "measured",
             "marker": {"color": BLUE, "size": 8}, "hovertemplate": "w %{x}: %{y:.3g}<extra></extra>"}]
    return page.figure(data, layout(260, xaxis=axis("w"), yaxis=axis("E (dL/dw)²", type="log", dtick=1))), \
        "h' = w h + x with white x. Theory: (1 + w²) / (1 − w²)³, at this many steps."


def precision(page, run):
    groups = {}
    for net in run["precision"]:
        groups.setdefault(short(changed(net, slope=None)), []).append(net)
    if not groups:
        return "", ""
    deepest = max((number(net.get("depth")) or 0 for net in run["precision"]), default=0)
    data = []
    for dtype, name, colour, symbol in FORMATS:
        for slope, filled in (("output", False), ("input", True)):
            x, y, says = [], [], []
            for place, nets in enumerate(groups.values()):
                for net in nets:
                    if text(get(net, "setting", "slope")) != slope:
                        continue
                    horizon = next((h for h in objects(net.get("precision"))
                                    if text(h.get("dtype")) == dtype and h.get("flush") is not True), None)
                    lost = number(get(horizon, "lost_at"))
                    if horizon is None:
                        continue
                    x.append(deepest if lost is None else lost)
                    y.append(place + (0.2 if filled else -0.2))
                    says.append("not lost" if lost is None else f"lost at {show(lost)}")
            data.append({"x": x, "y": y, "text": says, "mode": "markers", "name": f"{name}, slopes from {slope}",
                         "marker": {"color": colour, "size": 9, "symbol": symbol + ("" if filled else "-open"),
                                    "line": {"width": 2}},
                         "hovertemplate": f"{name}, slopes from {slope}: %{{text}}<extra></extra>"})
    return page.figure(data, layout(190 + 44 * len(groups), xaxis=axis("depth at which the gradient is lost", rangemode="tozero"),
                                    yaxis=names_axis(list(groups)), shapes=[rule("x", deepest)],
                                    legend=ABOVE, margin={**ROOM_ABOVE, "t": 130})), \
        (f"Dotted, {show(deepest)}: never, as far as was run. Hollow: slopes from the stored output, as frameworks take "
         "them; full: from the pre-activation.")


PICTURES = {"blame": blame, "paths": paths, "radius": radius, "contrast": contrast, "irnn": irnn, "additive": additive,
            "windows": windows, "laws": laws, "memory": memory, "precision": precision}


def figures_of(page, name, run):
    """The figure's markup and its caption."""
    return PICTURES[name](page, run)
