"""Studies of one W for all steps beside a fresh W for each (rows of kind `study`)."""

from report_growth import growth_title
from report_page import axis, badge, drawn, error_bars, interval, layout, rule, table
from report_rows import esc, get, is_ok, number, numbers, show, text


def objects(value):
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def chain_name(chain):
    """As the contrasts call it."""
    density = get(chain, "setting", "density")  # `rows:0.1`, or a number
    dense = not text(density) and number(density) in (None, 1.0)
    return f"{'fresh' if get(chain, 'setting', 'share') == 'off' else 'shared'}, {'dense' if dense else 'sparse'}"


def times(factor, values):
    return [None if v is None or factor is None else factor * v for v in values]


def chains_figure(page, chains):
    """Total growth of each chain: seeds as dots, mean and standard deviation beside them."""
    names = [chain_name(c) for c in chains]
    seeds_x, seeds_y = [], []
    for place, chain in enumerate(chains):
        totals = times(number(chain.get("depth")), numbers(chain.get("rates")))
        seeds_x += [place - 0.15] * len(totals)
        seeds_y += totals
    mean, spread = ([number(c.get(k)) for c in chains] for k in ("mean", "spread"))
    ends = [[None if None in (m, s) else m + sign * s for m, s in zip(mean, spread)] for sign in (-1, 1)]
    theory = [times(number(c.get("depth")), [number(get(c, "theory", "rate"))])[0] for c in chains]
    places = list(range(len(chains)))
    data = [{"x": seeds_x, "y": seeds_y, "mode": "markers", "name": "one seed",
             "marker": {"color": "rgba(31,111,235,0.35)", "size": 6},
             "hovertemplate": "%{y:.3g}<extra>one seed</extra>"},
            {"x": places, "y": mean, "mode": "markers", "name": "mean and standard deviation",
             "marker": {"color": "#1f6feb", "size": 9}, "error_y": error_bars(mean, *ends),
             "hovertemplate": "mean %{y:.3g}<extra></extra>"},
            {"x": [p + 0.15 for p in places], "y": theory, "mode": "markers", "name": "theory",
             "marker": {"color": "#c0392b", "symbol": "line-ew-open", "size": 18, "line": {"width": 2}},
             "hovertemplate": "theory %{y:.3g}<extra></extra>"}]
    return page.figure(data, layout(
        340, yaxis=axis("ln of the gradient's growth, all steps"),
        xaxis=axis(tickvals=places, ticktext=names, range=[-0.5, len(chains) - 0.5], showgrid=False, zeroline=False)))


def contrast_figure(page, contrasts, key, title, neutral, **more):
    """Intervals side by side, a line where the two chains do not differ."""
    names = [f"{esc(text(c.get('first')))} :<br>{esc(text(c.get('second')))}" for c in contrasts]
    value, low, high = ([number(get(c, key, k)) for c in contrasts] for k in ("value", "low", "high"))
    places = list(range(len(contrasts)))
    data = [{"x": value, "y": places, "mode": "markers", "marker": {"color": "#1f6feb", "size": 8},
             "error_x": error_bars(value, low, high), "hovertemplate": "%{x:.3g}<extra></extra>"}]
    return page.figure(data, layout(
        300, showlegend=False, xaxis=axis(title, **more), shapes=[rule("x", neutral)],
        yaxis=axis(tickvals=places, ticktext=names, range=[len(contrasts) - 0.5, -0.5], showgrid=False,
                   zeroline=False)))


def study(page, row):
    chains, contrasts = objects(row.get("chains")), objects(row.get("contrasts"))
    first = chains[0] if chains else {}
    setting = first.get("setting") if isinstance(first.get("setting"), dict) else {}
    sparse = next((get(c, "setting", "density") for c in chains if chain_name(c).endswith("sparse")), None)
    title = growth_title({"setting": {**setting, "share": "on", "density": None}}) or text(row.get("name"))
    share = number(sparse)
    kept = "" if sparse is None else f"; sparse: {esc(text(sparse)) if share is None else f'{100 * share:.3g} %'} of W kept"
    page.add(f"<h3>{esc(title)} <small>{show(first.get('depth'))} steps, width {show(setting.get('width'))}, "
             + drawn({**row, "seeds": first.get("seeds")}) + kept + "</small></h3>")
    if not is_ok(row):
        page.add(f"<p>{esc(text(row.get('status')) or '?')}: {esc(text(row.get('reason')))}</p>")
    if chains:
        page.add(chains_figure(page, chains))
        lines = [[esc(chain_name(c)), show(c.get("fitted_seeds")), interval(c.get("rate")),
                  show(get(c, "theory", "rate")), show(c.get("mean")), show(c.get("spread")),
                  badge(text(c.get("verdict")) or text(c.get("status")))] for c in chains]
        header = ["chain", "seeds with a rate", "rate", "theory", "mean total", "spread", "verdict"]
        page.add(table(header, lines, set(range(1, 6))))
    if contrasts:
        page.add('<div class="pair">' +
                 contrast_figure(page, contrasts, "mean_difference", "difference of mean totals", 0) +
                 contrast_figure(page, contrasts, "spread_ratio", "ratio of spreads", 1, type="log") + "</div>")
        lines = [[esc(f"{text(c.get('first'))} : {text(c.get('second'))}"), interval(c.get("mean_difference")),
                  interval(c.get("spread_ratio"))] for c in contrasts]
        page.add(table(["first : second", "difference of mean totals", "ratio of spreads"], lines, {1, 2}))


def share_section(page, studies):
    if not studies:
        return
    page.add("<h2>One W for all maps, or a fresh one for each</h2><p>The same chain with shared and fresh, dense and "
             "sparse weights. Total: ln of the gradient's growth over all steps; spread: its standard deviation over "
             "seeds. A contrast counts when its 95 % interval does not touch the dotted line.</p>")
    for row in studies:
        study(page, row)
