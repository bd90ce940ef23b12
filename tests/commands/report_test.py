#!/usr/bin/env python3
"""Tests of bench/report/report.py. ctest runs them with the environment's Python; without plotly the tests
that need it are skipped, and say so."""

import base64
import gzip
import importlib.util
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench" / "report"))
import report  # noqa: E402
import report_growth  # noqa: E402
import report_rows  # noqa: E402
import report_sweep  # noqa: E402

HAVE_PLOTLY = importlib.util.find_spec("plotly") is not None
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def speed_row(provider, depth, ms, **more):
    problem = f"recurrent/elman/tanh/f32/T{depth}_B32_H128"
    return {"kind": "speed", "name": f"{problem}/{provider}", "problem": problem, "family": "recurrent/elman/tanh/f32",
            "provider": provider, "dtype": "f32", "status": "ok", "reason": "", "depth": depth, "ms": ms, "ms_min": ms,
            "samples": 10, "bytes": 1e6, "flops": 1e8, "gb_per_s": 2.0, "gflop_per_s": 50.0, "limit_ms": ms / 3,
            "of_limit": 0.33, "growth": {"ln_norm": [-0.05 * d for d in range(depth + 1)], "rate": -0.05,
                                         "total": -0.05 * depth, "verdict": "vanishing"}, "growth_reason": "", **more}


def growth_row(**more):
    line = [0.1 * d for d in range(21)]
    return {"kind": "growth", "name": "recurrent/elman/relu/f32/T20_B1_H64/cpu", "provider": "cpu", "dtype": "f32",
            "status": "ok", "reason": "", "seeds": 8, "depth": 20,
            "setting": {"net": "elman", "activation": "relu", "init": "gaussian:1.5", "width": 64, "share": "on"},
            "ln_norm": {"median": line, "p10": [x - 1 for x in line], "p90": [x + 1 for x in line], "mean": line},
            "rate": {"value": 0.1, "low": 0.08, "high": 0.12}, "theory": {"rate": 0.11, "formula": "F", "source": "S"},
            "total": {"value": 2.0, "low": 1.6, "high": 2.4}, "verdict": "inconclusive", **more}


def sweep_row(gain, bias=None, **more):
    sweep = {"gain": gain} if bias is None else {"gain": gain, "bias": bias}
    rate = gain - 1
    return growth_row(**{
        "name": f"feedforward/mlp/tanh/f32/L20_B1_N64/gaussian:{gain}/cpu", "sweep": sweep,
        "setting": {"net": "mlp", "activation": "tanh", "init": f"gaussian:{gain}", "width": 64,
                    "bias": f"gaussian:{bias or 0}"},
        "rate": {"value": rate, "low": rate - 0.1, "high": rate + 0.2},
        "theory": {"rate": rate, "critical_sigma": 1 + (bias or 0)}, **more})


def horizon(dtype, **more):
    return {"dtype": dtype, "flush": False, "loss_scale": 1.0, "lost_at": None, "saving_loss_scale": 1.0,
            "best": {"loss_scale": 1.0, "lost_at": None}, "zero": [0.0] * 11 + [1.0] * 10,
            "subnormal": [0.0] * 21, "nonfinite": [0.0] * 21, **more}


def detailed_row(**more):
    """A growth row with all that can be asked for."""
    return growth_row(**{
        "weight_gradient": {"sum": 3e-18, "cancellation": 0.5, "cosine_lags": [0, 10, 19],
                            "cosine": [[1.0, -0.5, None], [-0.5, 1.0, 0.25], [None, 0.25, 1.0]]},
        "lyapunov": [0.1, -0.2, None], "lyapunov_low": [0.0, -0.5, None], "lyapunov_high": [0.3, -0.1, None],
        "lyapunov_theory": {"exponents": [0.12], "formula": "LF", "source": "LS"},
        "transient": {"max": 3.91, "step": 9, "last": None, "ln_max": 1.36, "ln_last": -800.0}, "spectral_radius": 0.9,
        "renormalised": {"ln_norm": {"median": [0.0]}, "rate": {"value": -7.5, "low": -8.0, "high": -7.0}},
        "precision": [horizon("f32"), horizon("f16", lost_at=12, saving_loss_scale=4096.0),
                      horizon("bf16", lost_at=7, saving_loss_scale=None, best={"loss_scale": 0.5, "lost_at": 9})],
        **more})


def study_row(**more):
    def chain(share, density, mean):
        return {"name": "c", "status": "ok", "reason": "", "depth": 20, "seeds": 2, "rates": [0.1, 0.3],
                "setting": {"net": "elman", "activation": "relu", "width": 64, "share": share, "density": density},
                "rate": {"value": 0.2, "low": 0.1, "high": 0.3}, "theory": {"rate": 0.15}, "verdict": "exploding",
                "mean": mean, "spread": 1.5, "fitted_seeds": 2}
    return {"kind": "study", "name": "share/x", "provider": "cpu", "dtype": "f32", "status": "ok", "reason": "",
            "chains": [chain("on", 1.0, 4.0), chain("off", 1.0, 3.0), chain("on", 0.1, 5.0), chain("off", 0.1, 2.0)],
            "contrasts": [{"first": "shared, dense", "second": "fresh, dense",
                           "mean_difference": {"value": 1.0, "low": -1.0, "high": 2.0},
                           "spread_ratio": {"value": 4.0, "low": 2.0, "high": 6.0}}], **more}


def train_row(**more):
    return {"kind": "train", "name": "train/digits/lstm/f32/T64_B32_H64_seed1/cpu", "provider": "cpu", "dtype": "f32",
            "status": "ok", "reason": "", "task": "digits", "net": "lstm", "seed": 1, "optimiser": "adam",
            "learning_rate": 5e-3, "steps": 40, "loss_curve": {"step": [20, 40], "loss": [2.2, None]},
            "accuracy": {"step": [40], "value": [0.5]}, "test_accuracy": 0.5, "baseline_loss": 2.302585,
            "clipped_fraction": 0.25, "skipped_updates": 0, "gradient_norm": {"median": 1.5}, "seconds": 3.0,
            "train_size": 1437, "test_size": 360, **more}


def check_row(provider, error, status="ok"):
    return {"kind": "check", "name": f"activation/tanh/forward/f32/R1_C2/{provider}", "provider": provider,
            "dtype": "f32", "status": status, "reason": "", "error": error, "tolerance": 1e-5}


def info_row(**more):
    return {"kind": "info", "version": "0.1.0", "date": "2025-11-23", "processor": "a processor", "cores": 2,
            "limits": {"gb_per_s": 20.0, "gflop_per_s": 300.0}, "providers": {"cpu": "1"},
            "missing": {"cudnn": "no GPU"}, **more}


def sample_rows():
    return [info_row(), detailed_row(), train_row(), study_row(), sweep_row(0.5, 0.1), check_row("cuda", 5e-6),
            sweep_row(1.5, 0.2),
            *(speed_row(p, d, d * f) for d in (16, 64) for p, f in (("cpu", 0.05), ("onednn", 0.07))),
            speed_row("simt", 16, 5.0, status="unsupported", reason="not yet")]


class Outline(HTMLParser):
    """Collects the page's elements and its visible text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.scripts, self.inside = [], [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        (self.scripts if self.inside == "script" else self.text).append(data)


def page_of(rows, problems=()):
    return report.build(rows, list(problems), "/* plotly.js */")


def cells_of(page, heading):
    """The table below a heading, as rows of text by the first cell."""
    body = page.split(f">{heading}</h2>")[1].split("</table>")[0]
    rows = [[re.sub("<[^>]*>", "", c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in body.split("<tr>")[1:]]
    return {row[0]: row[1:] for row in rows}


def figures_of(page):
    script = next(s for s in Outline(page).scripts if s.startswith("["))
    return json.loads(script)


class Build(unittest.TestCase):
    def test_every_section_of_a_good_run(self):
        page = page_of(sample_rows())
        for heading in ("Time and gradient over depth", "How the gradient grows", "Speed", "Training", "Machine",
                        "What these numbers are", "What was not done, and why"):
            self.assertIn(f">{heading}</h", page)
        self.assertIn("not yet", page)
        self.assertIn("a processor", page)

    def test_headline_has_time_and_growth_over_one_axis(self):
        figure = figures_of(page_of([speed_row("cpu", d, 0.1 * d) for d in (16, 32, 64)]))[0]
        time = figure["data"][0]
        self.assertEqual(time["x"], [16, 32, 64])
        self.assertEqual([round(y, 6) for y in time["y"]], [1.6, 3.2, 6.4])
        growth = figure["data"][1]
        self.assertEqual((growth["yaxis"], growth["x"]), ("y2", [16, 32, 64]))
        self.assertEqual([round(y, 6) for y in growth["y"]], [-0.8, -1.6, -3.2])
        self.assertNotIn("xaxis2", figure["layout"])
        self.assertEqual(len(figure["data"][2]["y"]), 65)  # the deepest net, from its loss back

    def test_times_far_apart_are_drawn_on_a_log_axis(self):
        def axis(factor):
            rows = [speed_row(p, d, d * f) for d in (16, 64) for p, f in (("cuda", 0.01), ("cpu", 0.01 * factor))]
            return figures_of(page_of(rows))[0]["layout"]["yaxis"]
        self.assertEqual(axis(100)["type"], "log")
        self.assertNotIn("type", axis(9))
        self.assertEqual(axis(9)["rangemode"], "tozero")

    def test_a_row_measured_twice_is_one_point(self):
        rows = [speed_row("cuda", d, t) for t in (3.0, 2.0, 2.5) for d in (16, 64)]
        rows += [speed_row("cuda", 64, 0.5, status="incorrect", reason="y differs"),
                 speed_row("cuda", 64, 1.0, disturbed=True), speed_row("cuda", 64, 0.1, status="error")]
        page = page_of(rows)
        self.assertEqual(figures_of(page)[0]["data"][0]["y"], [2.0, 2.0])
        self.assertEqual(cells_of(page, "Speed")["recurrent/elman/tanh/f32/T64_B32_H128"][0], "2")
        self.assertIn("2 rows were measured more than once: the fastest counts; their medians lie up to 200 % apart",
                      page.replace("\n", " "))
        self.assertIn("y differs", page)  # and what went wrong is not hidden
        unsupported = [speed_row("cudnn", 16, 1.0, status="unsupported")] * 2
        self.assertNotIn("measured more than once", page_of(sample_rows() + unsupported))

    def test_quartiles_and_disturbed_times_are_drawn(self):
        rows = [speed_row("cuda", 16, 2.0, ms_lower=1.5, ms_upper=4.0), speed_row("cuda", 64, 8.0, disturbed=True)]
        page = page_of(rows)
        time = figures_of(page)[0]["data"][0]
        self.assertEqual((time["error_y"]["array"], time["error_y"]["arrayminus"]), ([2.0, None], [0.5, None]))
        self.assertEqual(time["marker"]["symbol"], ["circle", "circle-open"])
        cells = cells_of(page, "Speed")
        self.assertEqual(cells["recurrent/elman/tanh/f32/T64_B32_H128"][0], "8 ≈")
        self.assertEqual(cells["recurrent/elman/tanh/f32/T16_B32_H128"][0], "2")

    def test_gains_and_losses_against_the_library(self):
        rows = [speed_row("cuda", 16, 2.0), speed_row("cudnn", 16, 1.0), speed_row("cuda", 64, 1.0),
                speed_row("cudnn", 64, 3.0), speed_row("cuda", 32, 1.0),
                speed_row("cudnn", 32, 1.0, status="unsupported")]
        page = page_of(rows)
        cells = cells_of(page, "Speed")
        at = cells["problem"].index("cuda : cudnn")
        ratios = {name: row[at] for name, row in cells.items() if name != "problem"}
        self.assertEqual(list(ratios.values()), ["0.500", "3", ""])
        self.assertIn('<span class="badge bad">0.500', page)
        self.assertIn('<span class="badge good">3', page)
        self.assertNotIn(" : cudnn", page_of([speed_row("cuda", 16, 2.0)]))

    def test_small_shares_of_the_limit_are_not_rounded_to_nothing(self):
        for share, shown in ((0.004508, "0.45 %"), (0.0513, "5.1 %"), (0.8829, "88 %"), (None, "–")):
            self.assertEqual(cells_of(page_of([speed_row("cuda", 16, 1.0, of_limit=share)]), "Speed")
                             ["recurrent/elman/tanh/f32/T16_B32_H128"][-1], shown)

    def test_problems_of_one_kind_stand_together(self):
        rows = [speed_row("cuda", d, 1.0, problem=name, family=name.rsplit("/", 1)[0], name=name + "/cuda")
                for d, name in enumerate(("recurrent/gru/T1", "feedforward/mlp/L1", "recurrent/lstm/T1",
                                          "recurrent/gru/T2"), 1)]
        self.assertEqual(list(cells_of(page_of(rows), "Speed"))[1:],
                         ["recurrent/gru/T1", "recurrent/gru/T2", "recurrent/lstm/T1", "feedforward/mlp/L1"])

    def test_checks_are_counted(self):
        page = page_of([check_row("cudnn", 2e-5, "incorrect"), check_row("cudnn", 5e-6), check_row("cudnn", 1e-7),
                        check_row("cudnn", None, "unsupported"), check_row("simt", None, "error")])
        cells = cells_of(page, "Checks")
        self.assertEqual(cells["cudnn"], ["2", "1", "1", "0", "50 %"])
        self.assertEqual(cells["simt"], ["0", "0", "0", "1", "–"])

    def test_it_begins_with_the_gpu(self):
        page = page_of([info_row(providers={"cuda": "NVIDIA H200 (sm_90), CUDA 13.0"})])
        self.assertIn("NVIDIA H200", page.split("<h2>")[0])

    def test_growth_figure_has_band_measurement_and_theory(self):
        band, measured, theory = figures_of(page_of([growth_row()]))[0]["data"]
        self.assertEqual(len(band["x"]), 42)
        self.assertAlmostEqual(measured["y"][20], 2.0)
        # Slope 0.11 through the measurement at depth 2, where the fit starts.
        self.assertAlmostEqual(theory["y"][1] - theory["y"][0], 2.2)
        self.assertAlmostEqual(theory["y"][1], 0.2 + 0.11 * 18)

    def test_a_title_says_knobs_that_the_report_does_not_know(self):
        setting = {**growth_row()["setting"], "bias": "gaussian:0.1", "new_knob": 3.0, "kind": "odd"}
        self.assertEqual(report_growth.growth_title(growth_row(setting=setting)),
                         "elman, relu, gaussian:1.5, new knob 3, kind odd")
        swept = growth_row(setting=setting, sweep={"new-knob": 3.0})
        self.assertTrue(report_sweep.sweep_title(swept).startswith("elman, relu, gaussian:1.5, kind odd <small>"))

    def test_row_that_is_not_ok_shows_no_time(self):
        page = page_of([speed_row("cpu", 16, 123.4, status="incorrect", reason="dWh differs")])
        overview = page.split("<summary>")[0]
        self.assertNotIn("<b>123</b>", overview)
        self.assertIn("dWh differs", page)

    def test_extras_of_a_growth_row(self):
        page = page_of([detailed_row()])
        _, cosine, exponents, f32, f16, _ = figures_of(page)
        self.assertEqual((cosine["data"][0]["zmin"], cosine["data"][0]["zmax"]), (-1, 1))
        self.assertEqual(cosine["data"][0]["z"][0], [1.0, -0.5, None])
        self.assertEqual(cosine["data"][0]["x"], [0, 10, 19])
        self.assertIn("3.00e-18, 0.500 of the sum", page)
        measured, theory = exponents["data"]
        self.assertEqual((measured["x"], measured["y"]), ([1, 2, 3], [0.1, -0.2, None]))
        self.assertEqual([round(e, 9) for e in measured["error_y"]["array"][:2]], [0.2, 0.1])
        self.assertEqual([round(e, 9) for e in measured["error_y"]["arrayminus"][:2]], [0.1, 0.3])
        self.assertEqual((theory["x"], theory["y"]), ([1], [0.12]))
        self.assertEqual([f16["data"][0]["y"][d] for d in (10, 11)], [0.0, 1.0])
        self.assertEqual((f32["layout"]["shapes"], f16["layout"]["shapes"][0]["x0"]), ([], 12))
        for sentence in ("loss scale 1: not lost", "lost at depth 12; saved by loss scale 2<sup>12</sup>",
                         "lost at depth 7; no loss scale saves it, 2<sup>−1</sup> carries it to 9",
                         "at most 3.91, at t = 9, and e<sup>−800</sup> at t = 20; spectral radius of W 0.900",
                         "rate −7.50 [−8, −7]"):
            self.assertIn(sentence, page)
        ragged = {"cosine_lags": [0, 1], "cosine": [[1.0, 0.5], [0.5]]}
        unknown = {"cosine_lags": [0, 1], "cosine": [[None, None], [None, None]]}
        for nothing in (ragged, unknown):
            self.assertEqual(len(figures_of(page_of([growth_row(weight_gradient=nothing)]))), 1)

    def test_rounding_does_not_fill_a_figure(self):
        noise = [0.4 + 1e-16 * i for i in range(3)]
        curve, exponents = figures_of(page_of([growth_row(
            ln_norm={"median": [0.0, 1e-7]}, lyapunov=noise, lyapunov_low=noise, lyapunov_high=noise)]))
        self.assertAlmostEqual(curve["layout"]["yaxis"]["range"][1], 0.05, delta=1e-6)
        low, high = exponents["layout"]["yaxis"]["range"]
        self.assertAlmostEqual(high - low, 0.01)

    def test_sweep_over_two_knobs_is_a_map(self):
        grid = [sweep_row(gain, bias) for bias in (0.0, 0.2, 0.4) for gain in (0.5, 1.0, 2.5)]
        grid[1] = sweep_row(1.0, 0.0, status="error", reason="out of memory")
        page = page_of(grid + [sweep_row(1.0, 0.0), growth_row()])
        single, swept = figures_of(page)  # the points of the grid are no figures of their own
        self.assertEqual(len(single["data"]), 3)
        heat, line = swept["data"]
        rates = dict(zip(zip(heat["x"], heat["y"]), heat["z"]))
        self.assertEqual((len(heat["z"]), rates[0.5, 0.4], rates[2.5, 0.0]), (9, -0.5, 1.5))
        self.assertEqual(rates[1.0, 0.0], 0.0)  # the second try
        self.assertEqual((heat["zmin"], heat["zmax"]), (-1.5, 1.5))
        self.assertEqual(dict(heat["colorscale"])[0.5], "#ffffff")
        self.assertEqual((line["x"], line["y"]), ([1.0, 1.2, 1.4], [0.0, 0.2, 0.4]))
        self.assertEqual(swept["layout"]["xaxis"]["range"], [0.25, 3.25])

    def test_sweep_over_one_knob_is_a_curve(self):
        rows = [sweep_row(gain) for gain in (2.0, 0.5, 1.0)] + [sweep_row(3.0, provider="onednn")]
        curve, = figures_of(page_of(rows))  # one point of another provider is no curve
        theory, measured = curve["data"]
        self.assertEqual((measured["x"], measured["y"]), ([0.5, 1.0, 2.0], [-0.5, 0.0, 1.0]))
        self.assertEqual((theory["x"], theory["y"]), (measured["x"], measured["y"]))
        self.assertEqual([round(e, 9) for e in measured["error_y"]["array"]], [0.2] * 3)
        self.assertEqual([round(e, 9) for e in measured["error_y"]["arrayminus"]], [0.1] * 3)
        self.assertEqual(curve["layout"]["shapes"][0]["x0"], 1)

    def test_sweep_over_three_knobs_is_a_table(self):
        page = page_of([sweep_row(g, sweep={"gain": g, "bias": b, "h0": h})
                        for g in (0.5, 1.25) for b in (0, 0.1) for h in (1, 2)])
        self.assertEqual(figures_of(page), [])
        self.assertIn("<td class=n>1.25</td><td class=n>0.1</td><td class=n>2</td>", page)

    def test_study_of_sharing(self):
        page = page_of([study_row()])
        chains, difference, ratio = figures_of(page)
        self.assertEqual(chains["layout"]["xaxis"]["ticktext"],
                         ["shared, dense", "fresh, dense", "shared, sparse", "fresh, sparse"])
        seeds, mean, theory = chains["data"]
        self.assertEqual(seeds["y"], [2.0, 6.0] * 4)
        self.assertEqual((mean["y"], mean["error_y"]["array"]), ([4.0, 3.0, 5.0, 2.0], [1.5] * 4))
        self.assertEqual(theory["y"], [3.0] * 4)
        self.assertEqual((difference["data"][0]["x"], difference["layout"]["shapes"][0]["x0"]), ([1.0], 0))
        self.assertEqual((ratio["data"][0]["x"], ratio["layout"]["shapes"][0]["x0"]), ([4.0], 1))
        self.assertIn("1 [−1, 2]", page)

    def test_text_is_escaped_everywhere(self):
        def poison(value):
            if isinstance(value, dict):
                return {**{k: poison(v) for k, v in value.items()}, EVIL: EVIL}
            if isinstance(value, list):
                return [poison(v) for v in value]
            return EVIL if isinstance(value, str) else value
        rows = []
        for row in sample_rows():
            evil = {**poison(row), "kind": row["kind"], "status": "ok", "detail": EVIL,
                    "problem": "recurrent/T16_" + EVIL, "sweep": row.get("sweep")}
            rows += [evil, {**evil, "status": EVIL}]
        rows += [growth_row(sweep={EVIL: x, EVIL + "2": y}) for x in (1, 2) for y in (1, 2)]
        page = page_of(rows, [EVIL])
        outline = Outline(page)
        self.assertNotIn("img", outline.tags)
        self.assertEqual(outline.tags.count("script"), 3)
        self.assertIn("<img src=x", "".join(outline.text))  # as text, it is there
        self.assertNotIn("<img", "".join(outline.scripts))
        self.assertNotIn("<img", json.dumps(figures_of(page)))  # plotly takes some markup

    def test_wrong_types_do_not_stop_it(self):
        junk = [None, True, -1, 0, 1e400, 10**400, "x", [], [None, "x", {}], [[]], {}, {"value": []},
                {"median": "x", "p10": 5}]

        def variants(value):
            """The row with junk in place of each of its parts in turn."""
            parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            for key, part in parts:
                if key not in ("kind", *range(1, 100)):  # of a list, the first
                    for wrong in [*junk, *variants(part)]:
                        copy = value.copy()
                        copy[key] = wrong
                        yield copy
        for row in sample_rows()[:8]:
            for variant in variants(row):
                try:
                    page_of([variant, row])
                except Exception as error:
                    raise AssertionError(f"{variant}") from error

    def test_rows_of_other_kinds_alone(self):
        self.assertIn("no row of kind", page_of([{"kind": "clip"}]))


class Command(unittest.TestCase):
    def run_on(self, content):
        """Exit status, messages and page of a run on a results file with these bytes, or on these files."""
        files = content if isinstance(content, dict) else {"results.jsonl": content}
        with tempfile.TemporaryDirectory() as folder:
            for name, bytes_of_it in files.items():
                if bytes_of_it is not None:
                    (pathlib.Path(folder) / name).write_bytes(bytes_of_it)
            messages = io.StringIO()
            with redirect_stderr(messages):
                status = report.main([folder])
            target = pathlib.Path(folder) / "report.html"
            page = target.read_text(encoding="utf-8") if target.exists() else None
            return status, messages.getvalue(), page

    def test_standard_output_that_cannot_be_written(self):
        script = pathlib.Path(report.__file__)
        for into in ("> /dev/full", ">&-"):
            done = subprocess.run(["bash", "-c", f"'{sys.executable}' '{script}' --help {into}"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, into)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn("standard output", done.stderr)

    def test_of_rows_with_one_identity_the_later_counts(self):
        rows = [speed_row("cpu", 16, 3.0, identity="a"), speed_row("cpu", 16, 2.0, identity="a"), speed_row("cpu", 32, 1.0),
                speed_row("cpu", 32, 4.0)]
        self.assertEqual([row["ms"] for row in report_rows.latest(rows)], [2.0, 1.0, 4.0])

    @unittest.skipUnless(HAVE_PLOTLY, "needs plotly")
    def test_one_self_contained_file(self):
        content = "".join(json.dumps(row) + "\n" for row in sample_rows()).encode()
        status, _, page = self.run_on(content)
        self.assertEqual(status, 0)
        self.assertIn("Plotly.newPlot", page)
        packed = re.search('<script id="plotly" type="text/plain">(.*?)</script>', page)[1]
        self.assertIn("plotly.js v", gzip.decompress(base64.b64decode(packed)).decode())
        self.assertLess(len(page), 2_000_000)
        self.assertNotIn("<script src", page)
        self.assertNotIn("<link", page)

    @unittest.skipUnless(HAVE_PLOTLY, "needs plotly")
    def test_malformed_lines_are_skipped_and_said(self):
        bad = [b"{", b"[]", b"17", b"null", b'{"kind": 3}', b"\xff\xfe", b"[" * 100000]
        content = b"\n".join([json.dumps(growth_row()).encode(), b"", *bad])
        status, messages, page = self.run_on(content)
        self.assertEqual(status, 0)
        self.assertEqual(messages.count("skipped"), len(bad))
        self.assertIn("line 3: not JSON", messages)
        self.assertIn("Lines that were skipped", page)

    @unittest.skipUnless(HAVE_PLOTLY, "needs plotly")
    def test_a_folder_of_other_rows(self):
        speed, bad = json.dumps(speed_row("cuda", 16, 2.0)).encode(), b"nonsense"
        status, messages, page = self.run_on({"speed.jsonl": speed, "check.jsonl": bad, "torch.csv": bad})
        self.assertEqual(status, 0)
        self.assertEqual(messages.count("skipped"), 1)
        self.assertIn("<li>check.jsonl line 1: not JSON", page)
        self.assertIn("T16_", page)
        # What a run wrote is alone what it is about.
        _, _, page = self.run_on({"results.jsonl": json.dumps(info_row()).encode(), "speed.jsonl": speed})
        self.assertNotIn("T16_", page)

    def test_empty_missing_and_hopeless_input(self):
        for content in (b"", b"\n\n", None, b"garbage\n"):
            status, messages, page = self.run_on(content)
            self.assertEqual(status, 2)
            self.assertTrue(messages.splitlines()[-1].startswith("report: "))
            self.assertIsNone(page)

    def test_without_plotly_it_says_so(self):
        with mock.patch.dict(sys.modules, {"plotly": None, "plotly.offline": None}):
            status, messages, page = self.run_on(json.dumps(info_row()).encode())
        self.assertEqual(status, 3)
        self.assertIn("plotly", messages)
        self.assertIsNone(page)

    def test_usage(self):
        for wrong in ([], ["a", "b"], ["--frobnicate"], ["."] * 3):
            with redirect_stderr(io.StringIO()) as messages:
                self.assertEqual(report.main(wrong), 2, wrong)
            self.assertRegex(messages.getvalue(), r"\Areport: .*\n\Z")
        for flag in ("--help", "-h"):
            with redirect_stdout(io.StringIO()) as said:
                self.assertEqual(report.main([flag]), 0)
            self.assertIn("./bench/run report RESULTS_DIR", said.getvalue())


if __name__ == "__main__":
    unittest.main()
