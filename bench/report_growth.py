"""Growth rows of single nets."""

import math

from report_page import axis, badge, interval, layout, table
from report_rows import esc, get, is_ok, number, numbers, show, text


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
