#!/usr/bin/env python3
"""Tests of bench/report.py. ctest runs them with the environment's Python; without plotly the tests
that need it are skipped, and say so."""

import importlib.util
import io
import json
import pathlib
import sys
import tempfile
import unittest
from contextlib import redirect_stderr
from html.parser import HTMLParser
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import report  # noqa: E402

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


def train_row(**more):
    return {"kind": "train", "name": "train/digits/lstm/f32/T64_B32_H64_seed1/cpu", "provider": "cpu", "dtype": "f32",
            "status": "ok", "reason": "", "task": "digits", "net": "lstm", "seed": 1, "optimiser": "adam",
            "learning_rate": 5e-3, "steps": 40, "loss_curve": {"step": [20, 40], "loss": [2.2, None]},
            "accuracy": {"step": [40], "value": [0.5]}, "test_accuracy": 0.5, "baseline_loss": 2.302585,
            "clipped_fraction": 0.25, "skipped_updates": 0, "gradient_norm": {"median": 1.5}, "seconds": 3.0,
            "train_size": 1437, "test_size": 360, **more}


def info_row(**more):
    return {"kind": "info", "version": "0.1.0", "date": "2025-11-23", "processor": "a processor", "cores": 2,
            "limits": {"gb_per_s": 20.0, "gflop_per_s": 300.0}, "providers": {"cpu": "1"},
            "missing": {"cudnn": "no GPU"}, **more}


def sample_rows():
    return [info_row(), growth_row(), train_row(),
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

    def test_growth_figure_has_band_measurement_and_theory(self):
        band, measured, theory = figures_of(page_of([growth_row()]))[0]["data"]
        self.assertEqual(len(band["x"]), 42)
        self.assertAlmostEqual(measured["y"][20], 2.0)
        # Slope 0.11 through the measurement at depth 2, where the fit starts.
        self.assertAlmostEqual(theory["y"][1] - theory["y"][0], 2.2)
        self.assertAlmostEqual(theory["y"][1], 0.2 + 0.11 * 18)

    def test_row_that_is_not_ok_shows_no_time(self):
        page = page_of([speed_row("cpu", 16, 123.4, status="incorrect", reason="dWh differs")])
        overview = page.split("<summary>")[0]
        self.assertNotIn("<b>123</b>", overview)
        self.assertIn("dWh differs", page)

    def test_text_is_escaped_everywhere(self):
        rows = []
        for row in sample_rows():
            for key in ("name", "problem", "provider", "reason", "growth_reason", "detail", "net", "verdict", "optimiser"):
                if key in row or key == "detail":
                    row[key] = ("recurrent/T16_" if key == "problem" else "") + EVIL
            for inner in ("setting", "theory", "providers", "missing"):
                if isinstance(row.get(inner), dict):
                    row[inner] = {**row[inner], "net": EVIL, "formula": EVIL, EVIL: EVIL}
            rows.append(row)
            rows.append({**row, "status": EVIL})
        page = page_of(rows, [EVIL])
        outline = Outline(page)
        self.assertNotIn("img", outline.tags)
        self.assertEqual(outline.tags.count("script"), 3)
        self.assertIn("<img src=x", "".join(outline.text))  # as text, it is there
        self.assertNotIn("<img", "".join(outline.scripts))

    def test_wrong_types_do_not_stop_it(self):
        junk = [None, True, -1, 1e400, "x", [], [None, "x", {}], {}, {"value": []}, {"median": "x", "p10": 5}]
        for make in (info_row, growth_row, train_row, lambda: speed_row("cpu", 16, 1.0)):
            for key in make():
                if key != "kind":
                    for value in junk:
                        rows = [{**make(), key: value}, make()]
                        with self.subTest(kind=make()["kind"], key=key, value=value):
                            figures_of(page_of(rows))

    def test_rows_of_other_kinds_alone(self):
        self.assertIn("no row of kind", page_of([{"kind": "clip"}]))


class Command(unittest.TestCase):
    def run_on(self, content):
        """Exit status, messages and page of a run on a results file with these bytes."""
        with tempfile.TemporaryDirectory() as folder:
            if content is not None:
                (pathlib.Path(folder) / "results.jsonl").write_bytes(content)
            messages = io.StringIO()
            with redirect_stderr(messages):
                status = report.main([folder])
            target = pathlib.Path(folder) / "report.html"
            page = target.read_text(encoding="utf-8") if target.exists() else None
            return status, messages.getvalue(), page

    @unittest.skipUnless(HAVE_PLOTLY, "needs plotly")
    def test_one_self_contained_file(self):
        content = "".join(json.dumps(row) + "\n" for row in sample_rows()).encode()
        status, _, page = self.run_on(content)
        self.assertEqual(status, 0)
        self.assertIn("Plotly.newPlot", page)
        self.assertGreater(len(page), 1_000_000)  # plotly.js is inside
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
        with redirect_stderr(io.StringIO()) as messages:
            self.assertEqual(report.main([]), 2)
        self.assertIn("usage", messages.getvalue())


if __name__ == "__main__":
    unittest.main()
