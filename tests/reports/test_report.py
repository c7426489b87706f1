"""The report: what is in it, that it is whole, and what strangers may write into a file."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.plots import Axis, Curve, Panel, panels
from binland.plots.charts import charts_of
from binland.plots.formulas import in_unicode
from binland.plots.results import read
from binland.plots.statements import verdicts
from binland.reports.page import page, report
from binland.reports.traces import figure_of
from tests.sweep.small import settings


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


@pytest.fixture(scope="module")
def text(finished):
    return page([read(finished)])


def test_every_figure_is_there_and_plotly_understands_it(finished, text):
    figures = data_of(text)[0]["figures"]
    charts = charts_of(read(finished, theory=True))
    assert sum(len(views) for views in figures.values()) == len(charts)
    for views in figures.values():
        for view in views:
            for panel in view:
                go.Figure({"data": panel["data"], "layout": panel["layout"]})  # raises on what plotly.js does not know


def test_numbers_are_those_of_the_panels(finished):
    panel = panels(finished)["barrier"]
    traces = figure_of(panel)["data"]
    assert len(traces) == len(panel.curves)
    for trace, curve in zip(traces, panel.curves, strict=True):
        assert np.array_equal(trace["y"], curve.y)
        assert np.array_equal(trace["error_y"]["array"], curve.error)
        assert trace["meta"] == curve.labels


def test_single_paths_are_those_of_the_file(finished, text):
    paths, data = data_of(text)[0]["paths"], bl.load_results(finished)
    names = [dim["name"] for dim in paths["dims"]]
    assert names == list(data["path_error"].dims[:-1])
    shape = [len(dim["values"]) for dim in paths["dims"]]
    row = tuple(size - 1 for size in shape)
    found = paths["y"][np.ravel_multi_index(row, shape)]
    assert np.allclose(found, 100 * data["path_error"].values[row], rtol=1e-4)


def test_without_paths_there_is_no_section_of_them(tmp_path, text):
    assert 'href="#paths"' in text
    bl.run_sweep(settings(measure={"pair": False}), tmp_path / "x.h5")
    alone = page([read(tmp_path / "x.h5")])
    assert 'href="#paths"' not in alone
    assert 'id="paths"' not in alone


def test_titles_keep_their_lines(text):
    assert re.search(r"figcaption {[^}]*white-space: pre-line", text)


def test_it_needs_no_network(text):
    outside = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", outside)
    assert "@import" not in outside


STATEMENTS = [
    {"text": "a < b", "panel": "test_error", "ranks": ["SGD", "RSGD"]},
    {"text": "all below", "panel": "test_error", "below": 100.1},
    {"text": "none below", "panel": "test_error", "below": -1.0},
    {"text": "distances fall", "panel": "distance", "falls": ["SGD"], "symmetry": "raw"},
    {"text": "of nothing", "panel": "nothing", "rises": ["SGD"]},
]


def test_statements_are_checked(tmp_path):
    bl.run_sweep(settings(figure={"statements": STATEMENTS}), tmp_path / "x.h5")
    text = page([read(tmp_path / "x.h5")])
    rows = re.findall(r"<tr><td>(.*?)</td><td class=\"(.*?)\">", text)
    data = 100 * bl.load_results(tmp_path / "x.h5")["test_error"].mean(["disorder", "solution"])
    right = int((data.sel(algorithm="SGD") < data.sel(algorithm="RSGD")).sum())
    ranked = {0: "no", data.sizes["n_inputs"]: "yes"}.get(right, "partly")
    assert rows[0] == ("a &lt; b", ranked)
    assert rows[1:3] == [("all below", "yes"), ("none below", "no")]
    assert rows[4] == ("of nothing", "not-known")


def verdict(panel, **claim):
    results = SimpleNamespace(figure={"statements": [{"text": "x", "panel": "p", **claim}]})
    (one,) = verdicts(results, {"p": panel})
    return one.holds, one.how


def drawn(y, error=0.1, **labels):
    return Curve(np.arange(3.0), np.array(y, float), np.full(3, error), labels=labels)


def shown(*curves):
    return Panel("p", Axis(), Axis(), curves)


LOW, HIGH = drawn([1, 2, 3], algorithm="A", symmetry="raw"), drawn([2, 3, 3.05], algorithm="B", symmetry="raw")


def test_a_statement_counts_points_in_order_and_those_beyond_error_bars():
    assert verdict(shown(LOW, HIGH), ranks=["A", "B"]) == ("yes", "A < B: at 3 of 3 points, 2 beyond error bars")
    assert verdict(shown(LOW, HIGH), ranks=["B", "A"]) == ("no", "B < A: at 0 of 3 points, 0 beyond error bars")
    assert verdict(shown(LOW, HIGH), rises=["B"]) == ("yes", "B rises: at 2 of 2 steps, 1 beyond error bars")
    assert verdict(shown(LOW), below=2.5) == ("partly", "A below 2.5: at 2 of 3 points")
    unfinished = drawn([1, np.nan, np.nan], algorithm="A")
    assert verdict(shown(unfinished), below=2.5)[0] == "yes"
    assert verdict(shown(unfinished), falls=["A"]) == ("not known", "nothing of it is finished")


def test_a_statement_about_what_is_not_there_is_not_known():
    assert verdict(shown(LOW, HIGH), ranks=["A", "C"]) == ("not known", "p has no curve of C")
    assert verdict(shown(LOW), ranks=["A", "B", "C"]) == ("not known", "p has no curve of B, C")
    assert verdict(shown(LOW), symmetry="Raw", falls=["A"]) == ("not known", "p has no curve of A")
    assert verdict(shown(LOW), symmetry="Raw", below=1.0) == ("not known", "p has no curve of this symmetry state")


def test_a_statement_looks_at_all_curves_of_an_algorithm():
    both = shown(drawn([1, 2, 3], algorithm="A", N="21"), drawn([3, 2, 1], algorithm="A", N="31"))
    holds, how = verdict(both, rises=["A"])
    assert holds == "partly"
    assert how.startswith("A rises (N 21): at 2 of 2 steps")
    assert "A rises (N 31): at 0 of 2 steps" in how


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({"text": "x", "panel": "barrier"}, "a statement has one of ranks, falls, rises, below"),
        ({"text": "x", "panel": "barrier", "below": 1.0, "falls": ["SGD"]}, "a statement has one of"),
        ({"text": "x", "panel": "barrier", "fals": ["SGD"]}, "fals"),
        ("text", "figure.statements"),
    ],
)
def test_a_statement_that_cannot_be_is_one_line(tmp_path, statement, words):
    with pytest.raises(InvalidInputError, match=words):
        bl.run_sweep(settings(figure={"statements": [statement]}), tmp_path / "x.h5")


def test_statements_change_nothing_of_what_a_sweep_is(tmp_path):
    bl.run_sweep(settings(), tmp_path / "x.h5")
    bl.run_sweep(settings(figure={"statements": STATEMENTS}), tmp_path / "x.h5")  # goes on with the same file
    assert "none below" in page([read(tmp_path / "x.h5")])


EVIL = "</script><script>alert(1)</script><!-- \u2028 {{ 7 * 7 }} %{x} $\\foo"


def test_what_a_stranger_writes_is_text(tmp_path):
    algorithms = {EVIL: {"kind": "SGD", "epochs": 1}, "ADV": {"epochs": 1, "pretrain_epochs": 1}}
    bl.run_sweep(settings(title=EVIL, algorithms=algorithms, grid={"n_inputs": [21]}), tmp_path / "x.h5")
    text = page([read(tmp_path / "x.h5")])
    assert "<script>alert" not in text
    assert text.count("</script>") == 3
    assert "49" not in re.search(r"<h1>.*?</h1>", text, re.S)[0]


def test_files_side_by_side_and_what_differs(tmp_path):
    bl.run_sweep(settings(grid={"n_inputs": [21]}), tmp_path / "a.h5")
    bl.run_sweep(settings(grid={"n_inputs": [21, 31]}, seed=5), tmp_path / "b.h5")
    written = report([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "both.html")
    text = written.read_text()
    assert len(data_of(text)) == 2
    assert '<th scope="row">seed</th>' in text
    assert '<th scope="row">grid.n_inputs</th>' in text or '<th scope="row">grid.data.n_inputs</th>' in text
    with pytest.raises(StoreError, match="is there already"):
        report(tmp_path / "a.h5", written)
    with pytest.raises(InvalidInputError, match="give 1 to 4"):
        report([tmp_path / "a.h5"] * 5, tmp_path / "many.html")


def test_the_command_line_writes_it(finished, tmp_path):
    words = [sys.executable, "-m", "binland", "report", str(finished), "--out", str(tmp_path / "r.html")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "r.html" in done.stdout
    assert subprocess.run(words, capture_output=True, text=True).returncode == 2


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"SGD, $\eta = 0.1$", "SGD, \u03b7 = 0.1"),
        (r"$\mathrm{SGD}_{Xavier}$", "SGD_Xavier"),
        (r"$\Delta \times \kappa$", "\u0394 \u00d7 \u03ba"),
        ("costs $5 and $6", "costs $5 and $6"),
        ("plain_{x}", "plain_{x}"),
    ],
)
def test_mathematics_becomes_letters(text, plain):
    assert in_unicode(text) == plain
