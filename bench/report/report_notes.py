"""The notes that the project began from, sentence by sentence: the claim, a picture, a verdict, a command.

A verdict is found from the rows of this run; where they lack what a claim needs it is "not measured".
"""

import math

from report_claims import figures_of
from report_growth import growth_title
from report_page import badge_of
from report_rows import esc, get, is_ok, number, numbers, show, text
from report_share import objects

LN10 = math.log(10)


def nets_of(studies, name):
    """The nets of a study that were measured; [] where the run has none."""
    return [net for row in studies if text(row.get("study")) == name
            for net in objects(row.get("nets")) if is_ok(net)]


def setting(net, key):
    return text(get(net, "setting", key))


def find(nets, **wanted):
    """The first net of these settings, or None."""
    return next((net for net in nets if all(setting(net, k) == v for k, v in wanted.items())), None)


def verdict(holds):
    """Of True, False, some of both (a list), or None."""
    if isinstance(holds, list):
        known = [h for h in holds if h is not None]
        if not known:
            return "not measured"
        return "true" if all(known) else "half true" if any(known) else "untrue"
    return "not measured" if holds is None else "true" if holds else "untrue"


def below(value, limit):
    return None if value is None else value < limit


def above(value, limit):
    return None if value is None else value > limit


# ---- the claims: each returns (verdict, what was found) -----------------------------------------------


def sigmoid(run):
    net = find(run["blame"], activation="sigmoid")
    slope = number(get(net, "rate_slope", "value"))
    return verdict(below(slope, math.log(0.25))), (
        f"Of ln {show(get(net, 'rate', 'value'))} per map the slopes take {show(slope)}, which is below ln 0.25 = "
        f"{show(math.log(0.25))}; the weights {show(get(net, 'rate_weight', 'value'))}.")


def relu(run):
    net = find(run["blame"], activation="relu", init="he")
    total = number(get(net, "total", "value"))
    return verdict(None if total is None else abs(total) < LN10), (
        f"With He's weights what half of the slopes take, {show(get(net, 'rate_slope', 'value'))}, the weights give "
        f"back, {show(get(net, 'rate_weight', 'value'))}; weights of gain 1 give nothing back, and it vanishes: "
        f"{show(get(find(run['blame'], activation='relu', init='gaussian:1'), 'rate', 'value'))} per map.")


def open_paths(run):
    row = next((r for r in run["growth"] if setting(r, "net") == "mlp" and setting(r, "activation") == "relu"), None)
    paths = [x for x in numbers(get(row, "ln_open_paths")) if x is not None]
    total = number(get(row, "total", "value"))
    holds = None if not paths or total is None else paths[-1] < -LN10 and abs(total) < LN10
    share = show(-paths[-1] / LN10) if paths else "–"
    return verdict(holds), (f"At depth {show(get(row, 'depth'))} one path in 10<sup>{share}</sup> is open, "
                            f"and the norm has changed by e<sup>{show(total)}</sup>.")


def shared_explodes(run):
    chains = {setting(c, "activation"): c for study in run["share"] for c in objects(study.get("chains"))[:1]
              if setting(c, "net") == "elman"}
    law = get(chains.get("identity"), "law")
    relu_growths = [g for g in numbers(get(chains.get("relu"), "growths")) if g is not None]
    calm = sum(growth < LN10 for growth in relu_growths)
    low, high = number(get(law, "slope", "low")), number(get(law, "slope", "high"))
    correlation = number(get(law, "correlation"))
    linear = None if None in (low, high, correlation) else high > 0.95 and low < 1.05 and correlation > 0.98
    under_relu = calm == 0 if relu_growths else None
    return verdict([linear, under_relu]), (
        f"A linear net grows by L ln ρ(W): over the draws the line has slope {show(get(law, 'slope', 'value'))}, the "
        f"correlation is {show(correlation)}. What is missing, {show(get(law, 'offset', 'value'))}, is the start's: it "
        f"does not grow with L. Under ReLU an eigenvalue above 1 is not enough: {calm} of {len(relu_growths)} draws of "
        f"{esc(setting(chains.get('relu'), 'init'))}, whose eigenvalues reach about that gain, grow less than tenfold; "
        "W = [[1, −1], [−1, 1]] has the eigenvalue 2, and from h = (1, 0) no gradient grows beyond √2 (a test says so).")


def fresh_cancels(run):
    apart, parts = [], []
    for study in run["share"]:
        chains = objects(study.get("chains"))
        if len(chains) < 2:
            continue
        shared, fresh = number(get(chains[0], "rate", "low")), number(get(chains[1], "rate", "high"))
        apart.append(None if None in (shared, fresh) else shared > fresh)
        parts.append(f"{esc(setting(chains[0], 'net'))} {esc(setting(chains[0], 'activation'))} "
                     f"{show(get(chains[0], 'rate', 'value'))} with one W, {show(get(chains[1], 'rate', 'value'))} with "
                     "fresh ones")
    return verdict(apart), "Per map: " + "; ".join(parts) + "." if parts else ""


def irnn(run):
    nets = run["irnn"]
    still = find(nets, input="zero")
    driven = next((net for net in nets if setting(net, "input") not in ("", "zero")), None)
    totals = [number(get(net, "total", "value")) for net in (still, driven)]
    outputs = [x for x in numbers(get(driven, "forward_norm")) if x is not None]
    grown = outputs[0] - outputs[-1] if outputs else None
    kept = None if None in totals else all(abs(total) < LN10 for total in totals)
    return verdict(kept), (f"Over {show(get(still, 'depth'))} steps the gradient changes by e<sup>{show(totals[0])}</sup> "
                           f"without input and e<sup>{show(totals[1])}</sup> with noise; the outputs grow by "
                           f"e<sup>{show(grown)}</sup> there.")


def additive(run):
    verdicts = [text(net.get("verdict")) for net in run["additive"]]
    known = [v for v in verdicts if v in ("vanishing", "exploding", "stable")]
    vanish, explode = known.count("vanishing"), known.count("exploding")
    holds = [False] * vanish + [True] * (len(known) - vanish)
    return verdict(holds), (f"Of {len(known)} sums of earlier states {vanish} vanish and {explode} explode, each by the "
                            "largest root of its recurrence.")


def windows(run):
    by_depth = {}
    for net in run["windows"]:
        depth = number(net.get("depth"))
        if setting(net, "net") == "mlp" and setting(net, "activation") == "relu" and depth is not None:
            by_depth[depth] = number(get(net, "window", "width"))
    widths = [by_depth[d] for d in sorted(by_depth)]
    narrower = None if len(widths) < 2 or None in widths else all(a > b for a, b in zip(widths, widths[1:]))
    listed = ", ".join(f"{show(by_depth[d])} at {show(d)}" for d in sorted(by_depth))
    return verdict(narrower), f"Width of the gains' window of a ReLU net by depth: {listed}. A residual net has no lower end."


def laws(run):
    kinds = [(esc(growth_title(net)), text(get(net, "law", "kind")), number(get(net, "law", "exponent")))
             for net in run["laws"]]
    known = [kind == "exponential" for _, kind, _ in kinds if kind]
    listed = "; ".join(f"{title}: {kind or 'no law'} {show(exponent) if kind else ''}" for title, kind, exponent in kinds)
    return verdict(known), listed + "." if listed else ""


def memory(run):
    near, calm = [], []
    for net in run["memory"]:
        got = number(get(net, "weight_gradient", "sum_squared_mean"))
        theory = number(get(net, "weight_gradient", "theory", "sum_squared_mean"))
        near.append(None if None in (got, theory) else 0 < got and theory / 2 < got < 2 * theory)
        calm.append(text(net.get("verdict")) != "exploding")
    first, last = (run["memory"][i] if run["memory"] else None for i in (0, -1))
    holds = None if not near or None in near else all(near) and all(calm)
    return verdict(holds), (
        "E (dL/dw)² grows from " + " to ".join(show(get(net, "weight_gradient", "sum_squared_mean")) for net in (first, last))
        + f" as w goes from {esc(setting(first, 'init').removeprefix('constant:'))} to "
        f"{esc(setting(last, 'init').removeprefix('constant:'))}, and no gradient explodes.")


def precision(run):
    first = {}
    for net in run["precision"]:
        for horizon in objects(net.get("precision")):
            if number(horizon.get("lost_at")) is not None:
                name = text(horizon.get("dtype"))
                first[name] = min(first.get(name, math.inf), number(horizon["lost_at"]))
    worst = min(first, key=first.get) if first else None
    return verdict(None if not run["precision"] else bool(first)), (
        f"The first gradient is lost in {esc(worst)}, at depth {show(first[worst])}." if worst else "")


# claim, how it is judged, whose picture, how to see it again
CLAIMS = [
    ("The gradient of an early layer is a product of all later slopes and weights. Sigmoid's slope is at most ¼, so it "
     "vanishes.", sigmoid, "blame", "./bench/run growth --activation sigmoid"),
    ("ReLU's slope is 0 or 1, so the gradient does not vanish.", relu, None,
     "./bench/run growth --activation relu --init he"),
    ("ReLU lets the gradient through as long as one path is open.", open_paths, "paths",
     "./bench/run growth --activation relu --init he --format json"),
    ("In a recurrent net all steps share W, and an eigenvalue above 1 makes it explode.", shared_explodes, "radius",
     "./bench/run share --activation identity --init gaussian:1 --width 64 --depth 240"),
    ("Distinct W cancel much of it, as in a CNN; a shared W does not.", fresh_cancels, "contrast",
     "./bench/run share --net cnn --init he --width 16"),
    ("W = I and b = 0 keep a ReLU net's gradient.", irnn, "irnn",
     "./bench/run growth --preset irnn --depth 100 --width 100 --input gaussian:1"),
    ("Additive forms do not vanish.", additive, "additive",
     "./bench/run growth --net additive --form terms:4 --init constant:0.2"),
    ("Too many layers are an inherent instability.", windows, "windows",
     "./bench/run growth --activation relu --window --depth 100"),
    ("A gradient vanishes or explodes at a rate per layer.", laws, "laws",
     "./bench/run growth --activation tanh --init orthogonal:1 --depth 1000 --width 32"),
    ("A long memory is hard to learn even where nothing explodes.", memory, "memory",
     "./bench/run growth --net elman --activation identity --width 1 --init constant:0.9 --h0 constant:0 "
     "--input gaussian:1 --depth 300 --seeds 500"),
    ("A number format loses a gradient that float64 still has.", precision, "precision",
     "./bench/run growth --activation sigmoid --precision"),
]
STUDIES = ("blame", "windows", "laws", "additive", "irnn", "memory", "precision")
LOOKS = {"true": "good", "half true": "warn", "untrue": "bad"}


def notes_page(page, growth, studies):
    """All claims, where the run has a study of them."""
    run = {name: nets_of(studies, name) for name in STUDIES}
    if not any(run.values()):
        return
    run["growth"] = [row for row in growth if is_ok(row)]
    run["share"] = [row for row in studies if objects(row.get("chains"))]
    page.add("<h2>The notes, sentence by sentence</h2><p>What is said of vanishing and exploding gradients, and what this "
             "run found. Each verdict is judged from the rows; the command measures one of its nets again.</p>")
    for claim, judged, picture, command in CLAIMS:
        says, found = judged(run)
        figure, caption = figures_of(page, picture, run) if picture else ("", "")
        page.add(f"<h3>{esc(claim)} {badge_of(says, LOOKS.get(says, ''))}</h3>"
                 + (f"<p>{found}</p>" if says != "not measured" else "")
                 + figure + (f"<p><small>{caption}</small></p>" if figure else "")
                 + f"<p><code>{esc(command)}</code></p>")
