#!/usr/bin/env python3
"""Tests of the report's page of claims (bench/report/report_notes.py, report_claims.py)."""

import json
import sys
import unittest

sys.dont_write_bytecode = True
from report_test import EVIL, Outline, figures_of, growth_row, horizon, page_of, sample_rows, study_row  # noqa: E402

import report_notes  # noqa: E402


def net(setting=(), **more):
    """One net of a study: part of a growth row."""
    return {"status": "ok", "depth": 20, "seeds": 8, "verdict": "vanishing",
            "setting": {"net": "mlp", "activation": "relu", "init": "he", "share": "off", "slope": "output", **dict(setting)},
            "rate": {"value": -0.4, "low": -0.5, "high": -0.3}, "total": {"value": -1.0, "low": -2.0, "high": 0.0},
            "ln_norm": {"median": [-0.4 * d for d in range(21)]}, "forward_norm": [2.0 - 0.1 * d for d in range(21)],
            **more}


def study(name, *nets, **more):
    return {"kind": "study", "name": f"{name}/cpu", "study": name, "provider": "cpu", "dtype": "f32", "status": "ok",
            "reason": "", "nets": list(nets), **more}


def window(depth, width):
    return net(depth=depth, window={"low": 1.0, "high": 1.0 + width, "width": width, "theory": {"width": width}})


def additive(w, verdict):
    return net({"net": "additive", "form": "sum", "init": f"constant:{w}"}, verdict=verdict, theory={"rate": w})


def memory(w, measured, theory):
    return net({"net": "elman", "init": f"constant:{w}"},
               weight_gradient={"sum_squared_mean": measured, "theory": {"sum_squared_mean": theory}})


def studies():
    parts = {"rate_slope": {"value": -1.45}, "rate_weight": {"value": 0.05}}
    return [study("blame", net({"activation": "sigmoid"}, **parts), net(**parts)),
            study("windows", window(10, 0.6), window(100, 0.06)),
            study("laws", net(law={"kind": "exponential", "exponent": -0.4}), net({"net": "residual"}, law={"kind": "power", "exponent": -0.5}), net(law=None)),
            study("additive", additive(-0.4, "vanishing"), additive(0.2, "exploding")),
            study("irnn", net({"net": "elman", "input": "zero"}), net({"net": "elman", "input": "gaussian:1"})),
            study("memory", memory(0.5, 3.0, 2.9), memory(0.9, 260.0, 264.0)),
            study("precision", net(precision=[horizon("f16", lost_at=7), horizon("f32")]))]


def shared(activation, rates, growths, law=None):
    """A study of one W beside fresh ones."""
    def chain(share, rate):
        return {"status": "ok", "depth": 20, "seeds": len(growths), "verdict": "exploding", "growths": growths, "law": law,
                "setting": {"net": "elman", "activation": activation, "init": "gaussian:1", "share": share, "density": 1.0},
                "rate": {"value": rate, "low": rate - 0.01, "high": rate + 0.01}}
    return study_row(chains=[chain("on", rates[0]), chain("off", rates[1])], contrasts=[])


LAW = {"ln_radius": [0.1, 0.2], "settled": [True, False], "slope": {"value": 1.0, "low": 0.99, "high": 1.01},
       "correlation": 0.99, "offset": {"value": -1.4}}


def verdicts(rows):
    """Of each claim, by the function that judges it."""
    growth = [row for row in rows if row["kind"] == "growth"]
    run = {name: report_notes.nets_of(rows, name) for name in report_notes.STUDIES}
    run |= {"growth": growth, "share": [row for row in rows if "chains" in row]}
    return {judged.__name__: judged(run)[0] for _, judged, _, _ in report_notes.CLAIMS}


class Notes(unittest.TestCase):
    def test_a_run_without_studies_of_nets_has_no_page(self):
        self.assertNotIn("sentence by sentence", page_of(sample_rows()))

    def test_what_the_rows_lack_is_not_measured(self):
        found = verdicts([study("blame", net())])
        self.assertEqual(set(found.values()), {"not measured", "true"})  # ReLU's total alone is there
        self.assertEqual(found["windows"], "not measured")
        self.assertEqual(set(verdicts([]).values()), {"not measured"})

    def test_verdicts_follow_the_rows(self):
        rows = [*studies(), growth_row(setting={"net": "mlp", "activation": "relu"}, ln_open_paths=[0.0, -3.0],
                                       total={"value": 0.1}),
                shared("identity", (0.05, -0.01), [2.0, 4.0], LAW), shared("relu", (0.08, 0.05), [3.0, 5.0])]
        found = verdicts(rows)
        half = {"additive", "laws"}
        self.assertEqual({name for name, says in found.items() if says == "half true"}, half)
        self.assertEqual({name for name, says in found.items() if says == "true"}, set(found) - half)
        # And each turns where its rows say so.
        changed = {
            "sigmoid": study("blame", net({"activation": "sigmoid"}, rate_slope={"value": -1.3})),
            "relu": study("blame", net(total={"value": -9.0})),
            "windows": study("windows", window(10, 0.6), window(100, 0.7)),
            "laws": study("laws", net(law={"kind": "power", "exponent": -0.5})),
            "additive": study("additive", additive(0.2, "vanishing")),
            "irnn": study("irnn", net({"input": "zero"}, total={"value": 4.0}), net({"input": "gaussian:1"})),
            "memory": study("memory", memory(0.5, 3.0, 2.9), memory(0.9, 26.0, 264.0)),
            "precision": study("precision", net(precision=[horizon("f16"), horizon("f32")])),
            "open_paths": growth_row(setting={"net": "mlp", "activation": "relu"}, ln_open_paths=[0.0, -1.0]),
            "fresh_cancels": shared("identity", (0.05, 0.05), [2.0, 4.0])}
        for name, row in changed.items():
            self.assertEqual(verdicts([row])[name], "untrue", name)
        # One draw of ReLU that does not explode, whatever its eigenvalues.
        rows[-1] = shared("relu", (0.08, 0.05), [1.0, 5.0])
        self.assertEqual(verdicts(rows)["shared_explodes"], "half true")

    def test_every_claim_has_a_verdict_and_a_command(self):
        page = page_of(studies())
        self.assertIn(">The notes, sentence by sentence</h2>", page)
        for claim, _, _, command in report_notes.CLAIMS:
            self.assertIn(claim.replace("'", "&#x27;"), page)
            self.assertIn(f"<code>{command}</code>", page)
        self.assertEqual(page.count("class=\"badge"), page.count("<span class=\"badge"))

    def test_pictures(self):
        page = page_of([*studies(), shared("identity", (0.05, -0.01), [2.0, 4.0], LAW)])
        figures = figures_of(page)
        blame = next(f for f in figures if f["layout"].get("barmode") == "relative")
        self.assertEqual([bar["x"] for bar in blame["data"][:2]], [[-1.45, -1.45], [0.05, 0.05]])
        self.assertEqual(blame["data"][2]["x"], [-0.4, -0.4])
        dots = next(d for f in figures for d in f["data"] if d.get("marker", {}).get("opacity") == 0.6)
        self.assertEqual((dots["x"], dots["y"]), ([2.0], [2.0]))  # L ln rho of the draw that has settled
        widths = next(f["data"][0] for f in figures if f["layout"]["yaxis"].get("type") == "log"
                      and f["data"][0].get("mode") == "lines+markers")
        self.assertEqual((widths["x"], widths["y"]), ([10, 100], [0.6, 0.06]))
        lost = next(d for f in figures for d in f["data"] if d.get("name") == "f16, slopes from output")
        self.assertEqual((lost["x"], lost["text"]), ([7], ["lost at 7"]))

    def test_text_is_escaped(self):
        def poison(value):
            if isinstance(value, dict):
                return {k: v if k in ("study", "status", "net", "kind") else poison(v) for k, v in value.items()}
            if isinstance(value, list):
                return [poison(v) for v in value]
            return EVIL if isinstance(value, str) else value
        page = page_of([poison(row) for row in [*studies(), shared("identity", (0.05, -0.01), [2.0], LAW)]])
        self.assertNotIn("img", Outline(page).tags)
        self.assertNotIn("<img", json.dumps(figures_of(page)))

    def test_wrong_types_do_not_stop_it(self):
        junk = [None, True, -1, 1e400, "x", [], [None, "x", {}], {}, {"value": []}]

        def variants(value):
            parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            for key, part in parts:
                if key not in ("kind", *range(1, 100)):
                    for wrong in [*junk, *variants(part)]:
                        copy = value.copy()
                        copy[key] = wrong
                        yield copy
        for row in [*studies(), shared("identity", (0.05, -0.01), [2.0, 4.0], LAW)]:
            for variant in variants(row):
                try:
                    page_of([variant, study("blame", net())])
                except Exception as error:
                    raise AssertionError(f"{variant}") from error


if __name__ == "__main__":
    unittest.main()
