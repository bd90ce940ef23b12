#!/usr/bin/env python3
"""One self-contained HTML page from the rows of a run.

    ./bench/run report RESULTS_DIR     reads RESULTS_DIR/results.jsonl, writes RESULTS_DIR/report.html

Where there is no results.jsonl, every .jsonl of the folder is read. The page holds everything it needs
(plotly.js too, compressed), so it can be mailed. Rows are not trusted: a line that is not a row is
skipped, said on stderr and on the page; text is escaped.
Exit status: 0 written, 2 no usable rows, 3 no plotly (bench/report/requirements.txt).
"""

import base64
import gzip
import json
import os
import sys

from report_growth import growth_section
from report_notes import notes_page
from report_page import Page, axis, breakable, layout, table
from report_rows import esc, get, is_ok, number, numbers, of_kind, read_rows, show, sources, text
from report_share import share_section
from report_slopes import slopes_section
from report_speed import check_section, headline_section, speed_section
from report_sweep import point, sweep_section

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


def in_words(value):
    """A limit: a number, or bandwidths by the size of what is read and written."""
    if isinstance(value, list):
        sizes = [(number(get(v, "working_set")) or 0) / 2**20 for v in value]
        return "; ".join(f"{show(get(v, 'gb_per_s'))} GB/s within {show(s)} MiB" for v, s in zip(value, sizes))
    return show(value) if number(value) is not None else str(value)


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
            value = ", ".join(f"{k} {in_words(v)}" for k, v in value.items())
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
<li><b>Measured:</b> times are medians, providers timed in turn: on the processor by the wall clock, on a GPU by the
device's events, with hot caches. Gradients are those of the runs themselves.</li>
<li><b>Model:</b> GB/s and GFLOP/s divide the least bytes and operations that the problem needs by the time; no counter
was read. The limit takes bandwidth and peak: the processor's as measured, a GPU's from its data sheet. Theory is exact
for linear chains, and for wide nets in the mean where it says mean field; a net of finite width, or one seed, scatters
around it.</li>
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
        lines = [[esc(provider), esc(status), len(names),
                  f'{esc(reason)}<br><small>{breakable(names[0] + " …" * (len(names) > 1))}</small>']
                 for (status, provider, reason), names in sorted(reasons.items())]
        page.add("<h3>What was not done, and why</h3>" +
                 table(["provider", "status", "rows", "reason, for example"], lines, {2}))
    if problems:
        listed = "".join(f"<li>{esc(p)}</li>" for p in problems[:20])
        page.add(f"<h3>Lines that were skipped</h3><p>{len(problems)} of them:</p><ul>{listed}</ul>")


def style():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "report.css"), encoding="utf-8") as file:
        return file.read()


# plotly.js is two thirds smaller compressed; every browser since 2023 can unpack it.
DRAW = """
const content = id => document.getElementById(id).textContent;
const bytes = Uint8Array.from(atob(content('plotly')), c => c.charCodeAt(0));
const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
new Response(unpacked).text().then(code => {
  document.head.append(Object.assign(document.createElement('script'), {textContent: code}));
  JSON.parse(content('figures')).forEach((f, i) =>
    Plotly.newPlot('figure' + i, f.data, f.layout, {responsive: true, displayModeBar: false}));
});
"""


def compressed(script):
    """For DRAW; the same bytes on every run."""
    return base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def build(rows, problems, plotly_js):
    """The whole page."""
    page = Page()
    info = next(iter(of_kind(rows, "info")), None)
    speed, growth, train = (of_kind(rows, kind) for kind in ("speed", "growth", "train"))
    states = [text(r.get("status")) for r in rows if "status" in r]
    count = ", ".join(f"{states.count(s)} {s}" for s in ("ok", "unsupported", "incorrect", "error") if s in states)
    device = text(get(info, "providers", "cuda"))
    where = ", ".join([text(get(info, "processor")), f"{show(get(info, 'cores'))} cores"] + [device] * bool(device) +
                      [text(get(info, "date"))[:10]]) + ". " if info else ""
    page.add("<h1>gradepth</h1><p>How deep does a gradient reach, and what does it cost to get there?<br>"
             f"<span class=dim>{esc(where)}{len(rows)} rows: {esc(count)}.</span></p>")
    headline_section(page, speed)
    notes_page(page, growth, of_kind(rows, "study"))
    growth_section(page, [r for r in growth if not point(r)])
    sweep_section(page, [r for r in growth if point(r)])
    studies = of_kind(rows, "study")
    share_section(page, [r for r in studies if not get(r, "nets")])
    slopes_section(page, [r for r in studies if text(r.get("study")) == "slopes"])
    speed_section(page, speed)
    check_section(page, of_kind(rows, "check"))
    training_section(page, train)
    machine_section(page, info)
    notes_section(page, rows, problems)
    # "<" must not end the script element; JSON allows it to be written as an escape.
    figures = json.dumps(page.figures, allow_nan=False).replace("<", "\\u003c")
    return ('<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><title>gradepth</title>'
            f"<style>{style()}</style></head><body>{''.join(page.parts)}"
            f'<script id="plotly" type="text/plain">{compressed(plotly_js)}</script>'
            f'<script id="figures" type="application/json">{figures}</script>'
            f"<script>{DRAW}</script></body></html>\n")


def say(words):
    """Prints them; 1, and one line on stderr, where standard output cannot be written."""
    try:
        if sys.stdout is None:  # closed
            raise OSError
        print(words, flush=True)
        return 0
    except OSError:
        print("report: standard output: cannot be written (disk full, or closed)", file=sys.stderr)
        if sys.stdout is not None:  # what is left in its buffer would fail once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def main(arguments):
    if arguments in (["-h"], ["--help"]):
        return say(__doc__.strip())
    if len(arguments) != 1:
        print("report: one folder of results is needed: ./bench/run report RESULTS_DIR", file=sys.stderr)
        return 2
    if arguments[0].startswith("-"):
        print(f"report: {arguments[0]}: only --help is a flag; else a folder of results", file=sys.stderr)
        return 2
    rows, problems = [], []
    files = sources(arguments[0])
    for source in files:
        try:
            read, skipped = read_rows(source)
        except OSError as error:
            print(f"report: {source}: {error.strerror}", file=sys.stderr)
            return 2
        rows += read
        problems += [f"{os.path.basename(source)} {problem}" for problem in skipped]
        for problem in skipped:
            print(f"report: {source} {problem}; skipped", file=sys.stderr)
    if not rows:
        print(f"report: {', '.join(files)}: no rows", file=sys.stderr)
        return 2
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        print("report: Python has no plotly (pip install -r bench/report/requirements.txt); no report.html", file=sys.stderr)
        return 3
    target = os.path.join(arguments[0], "report.html")
    with open(target + ".part", "w", encoding="utf-8") as file:
        file.write(build(rows, problems, get_plotlyjs()))
    os.replace(target + ".part", target)
    print(f"report: {target}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
