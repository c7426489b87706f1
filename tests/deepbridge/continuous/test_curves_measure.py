"""Curved paths in sweeps: what the file holds is what the functions give; figures; refusals."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.measures.curves import CURVES, CurveSettings, readable
from binland.measures.ways import PATHS, entries_of, kinds_of
from binland.plots.chart import Axis, Chart, Headline, Panel
from binland.plots.chart import Curve as Line
from binland.plots.charts import charts_of
from binland.plots.draw import draw_chart
from binland.plots.results import read
from binland.plots.style import RAW
from binland.reports.sections import paths_of
from binland.reports.traces import figure_of
from binland.sweep.config import load_spec
from binland.sweep.load import load_problem
from binland.sweep.naming import streams
from binland.sweep.tasks import Cell, Task
from deepbridge.connectivity import AutoNEB, Curve, Star

TOML = """
seed = 3
[data]
name = "digits"
per_class = 6
test_per_class = 4
[model]
kind = "continuous-mlp"
[grid]
width = [4, 6]
solutions = 2
[algorithms.SGD]
epochs = 3
[measure]
noise = false
lines = false
[measure.curves]
shapes = ["linear", "geodesic-aligned"]
paths = ["line", "autoneb", "bezier", "polygon", "star"]
points = 5
bends = 2
curve_epochs = 2
star_epochs = 2
autoneb_steps = 0.001
autoneb_batch_size = 30
"""


@pytest.fixture(autouse=True)
def one_thread():
    """As in the tasks of a sweep: sums of floats depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    (folder / "curves.toml").write_text(TOML)
    bl.run_sweep(folder / "curves.toml", folder / "curves.h5", report=lambda progress: None)
    return folder / "curves.h5"


def test_a_sweep_holds_what_the_functions_give(result):
    spec, data = load_spec(result.with_suffix(".toml")), bl.load_results(result)
    cell = Cell((1,), 0, "SGD")
    seeds = {n: s.seed for n, s in streams(spec, Task("curves", cell, (0, 1), 0, "")).items()}
    drawn, network = load_problem(result, disorder=0, width=6), db.MLP(64, (6, 6), 10)
    fits = [streams(spec, Task("solution", cell, (k,), 0, ""))["fit"].seed for k in (0, 1)]
    algorithm = spec.at((1,)).algorithms["SGD"]
    a, b = (db.fit(network, drawn.train, algorithm, seed, progress=False) for seed in fits)
    at = data.sel(width=6, disorder=0, algorithm="SGD")
    row = at.isel(pair=int(np.flatnonzero((at["start"] == 0) & (at["end"] == 1))[0]))
    bent = {"bends": 2, "epochs": 2, "points": 5, "weight_decay": 1e-4}
    band = AutoNEB(batch_size=30).scaled(0.001)
    na = db.normalize(a)
    for shape, geometry, ends in (
        ("linear", "flat", (a, b)),
        ("geodesic-aligned", "toroid", (na, db.align(db.normalize(b), na).solution)),
    ):
        scape = db.landscape(network, drawn.train, drawn.test, geometry=geometry)
        found = {
            "line": db.connectivity.line(scape, *ends, 5),
            "autoneb": db.connectivity.autoneb(scape, *ends, band, seeds[f"autoneb, {shape}"]),
            "bezier": db.connectivity.curve(scape, *ends, Curve(**bent), seeds[f"bezier, {shape}"]),
            "polygon": db.connectivity.curve(scape, *ends, Curve(kind="polygon", **bent), seeds[f"polygon, {shape}"]),
        }
        star = Star(epochs=2, points=5)
        found["star"] = db.connectivity.star(scape, list(ends), star, seeds[f"star, {shape}"]).path(0, 1)
        for kind, path in found.items():
            here = row.sel(curve=f"{kind}, {shape}")
            for name in ("barrier", "highest_loss", "length", "detour", "gradients", "evaluations", "ainsworth"):
                assert float(here[f"curve_{name}"]) == getattr(path, name), (kind, name)
            assert float(here["curve_test_barrier"]) == path.test_errors.max()
            middle = path.solution(0.5)
            assert float(here["curve_error"].sel(curve_position=0.5)) == middle.error(drawn.train)
            assert float(here["curve_test_loss"].sel(curve_position=0.5)) == pytest.approx(middle.loss(drawn.test))
            assert float(here["curve_barrier"]) >= float(here["curve_error"].max()) or kind in ("autoneb", "star")


def test_figures_are_drawn(result):
    charts = charts_of(read(result))
    wanted = {"curves", "curves_test", "curve_barriers", "curve_barriers_swept", "curve_test_barriers_swept"}
    assert wanted <= {name.removeprefix("_").removesuffix("_width_6") for name in charts}
    for name, chart in charts.items():
        if "curve" in name:
            figure = draw_chart(chart)
            assert all(axes.lines or axes.containers for axes in figure.axes)


def test_curves_differ_without_colours_and_have_names_in_words(result):
    charts = charts_of(read(result))
    (panel,) = charts["_curve_barriers_swept"].panels
    assert [curve.name for curve in panel.curves][::5] == ["line, raw", "line, normalised, aligned"]
    assert [curve.labels["path"] for curve in panel.curves][1] == "autoneb, linear"
    looks = [(curve.look.marker, curve.look.line, curve.look.hollow) for curve in panel.curves]
    assert len({*looks}) == len(looks) == 10
    for curve in panel.curves:
        assert curve.look.hollow == curve.name.endswith("raw")
        assert (curve.look.line == RAW) == curve.name.endswith("raw")
    for chart in (charts["_curve_barriers_swept"], charts["_curve_barriers_width_6"]):
        assert [entry.name for entry in chart.entries] == [curve.name for curve in panel.curves]
    assert [one.title for one in charts["_curves_width_6"].panels] == ["SGD-SGD, raw", "SGD-SGD, normalised, aligned"]


def test_many_kinds_of_paths_have_a_legend_of_paths_and_of_ends():
    ends = [
        "linear",
        "linear-aligned",
        "linear-aligned, coordinate",
        "geodesic-aligned",
        "geodesic-aligned, coordinate",
    ]
    labels = [f"{path}, {one}" for one in ends for path in PATHS]
    results = SimpleNamespace(data=xr.Dataset(coords={"curve": labels}))
    looks = [(kind.look.color, kind.look.marker, kind.look.line) for kind in kinds_of(results)]
    assert len({*looks}) == len(labels) == 25
    assert len({(kind.look.marker, kind.look.hollow, kind.look.size) for kind in kinds_of(results)}) == 25
    words = ["raw", "aligned (layer by layer)", "aligned (coordinate descent)"]
    names = [entry.name for entry in entries_of(results)]
    assert names[:8] == ["line", "Bezier curve", "AutoNEB", "polygon", "one bend", *words]
    assert len(names) == 10


def lines_of(*heights):
    """A panel with a line for each list of heights."""
    x = np.arange(3.0)
    marks = [Line(x, np.array(y, float), np.full(3, 0.3), name=str(k)) for k, y in enumerate(heights)]
    return Panel("p", Axis("x"), Axis("error (%)", zero=True), marks)


def test_an_axis_shows_small_and_large_errors_where_there_are_both():
    same = lines_of([20, 30, 40])
    assert readable([same]) == [same]
    (panel,) = readable([lines_of([0, 0.5, np.nan], [50, 60, 70])])
    figure = draw_chart(Chart([panel], Headline("t", "f")))
    (axes,) = figure.axes
    assert axes.get_yscale() == "asinh"
    assert axes.get_ylim()[0] == -0.2, "bars below zero do not take the room"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "0.5", "1", "2", "5", "10", "20", "50"]
    low, high = axes.transData.transform([(0, 0), (0, 0.5)])[:, 1]
    assert high - low > 0.1 * axes.bbox.height


def test_pages_place_errors_on_the_same_axis():
    (panel,) = readable([lines_of([0, 0.5, np.nan], [50, 60, 70])])
    small, large = figure_of(panel)["data"]
    assert small["y"] == [0, pytest.approx(np.arcsinh(1)), None]
    assert large["customdata"][2] == [70, 0.3]
    assert np.sinh(large["y"][2] + large["error_y"]["array"][2]) / 2 == pytest.approx(70.3)
    assert np.sinh(large["y"][2] - large["error_y"]["arrayminus"][2]) / 2 == pytest.approx(69.7)
    layout = figure_of(panel)["layout"]["yaxis"]
    assert layout["ticktext"][layout["tickvals"].index(pytest.approx(np.arcsinh(100)))] == "50"
    assert "customdata[0]" in small["hovertemplate"]
    banded = replace(panel, marks=[replace(mark, band=True) for mark in panel.curves])
    low, high, line = figure_of(banded)["data"][3:]
    assert np.sinh(np.array([low["y"][2], high["y"][2]])) / 2 == pytest.approx([69.7, 70.3])
    assert line["y"] == large["y"]
    assert "error_y" not in line


def test_single_paths_are_in_the_report(result):
    paths, data = paths_of(read(result)), bl.load_results(result)["curve_error"]
    assert [dim["name"] for dim in paths["dims"]] == list(data.dims[:-1])
    assert np.allclose(paths["y"][-1], 100 * data.to_numpy().reshape(-1, 5)[-1], rtol=1e-4)


def test_settings_and_what_they_cost():
    settings = CurveSettings()
    assert [str(way) for way in settings.ways][:2] == ["line, linear", "bezier, linear"]
    less, factor = CURVES.quick(settings)
    assert (less.curve_epochs, less.star_epochs, factor) == (30, 10, 20.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('paths = ["line", "autoneb", "bezier", "polygon", "star"]', "paths = []", "paths"),
        ('"polygon", "star"', '"star", "star"', "each path may occur once"),
        ("bends = 2", "bends = 0", "bends"),
        ("autoneb_steps = 0.001", "autoneb_steps = 0", "autoneb_steps"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(tmp_path, old, new, message):
    file = tmp_path / "sweep.toml"
    file.write_text(TOML.replace(old, new))
    with pytest.raises(InvalidInputError, match=message) as error:
        load_spec(file)
    assert "\n" not in str(error.value)


def test_binary_networks_are_refused(tmp_path):
    file = tmp_path / "sweep.toml"
    file.write_text(
        'seed = 1\n[data]\nkind = "random-labels"\nn_inputs = 11\nn_patterns = 5\n[model]\nkind = "perceptron"\n'
        "[grid]\nsolutions = 2\n[algorithms.SGD]\nepochs = 2\n[measure.curves]\n"
    )
    with pytest.raises(InvalidInputError, match="curves"):
        load_spec(file)


DEEP = """
seed = 3
[data]
name = "digits"
task = "parity"
per_class = 6
test_per_class = 4
[model]
kind = "mlp"
[grid]
width = [11]
solutions = 2
[algorithms.SGD]
epochs = 3
[measure.curves]
points = 5
curve_epochs = 2
paths = ["line", "bezier"]
"""


def test_binary_networks_are_joined_through_their_latents(tmp_path):
    file = tmp_path / "deep.toml"
    file.write_text(DEEP)
    bl.run_sweep(file, tmp_path / "deep.h5", report=lambda progress: None)
    data, drawn = bl.load_results(tmp_path / "deep.h5"), load_problem(tmp_path / "deep.h5", disorder=0, width=11)
    a, b = (bl.load_solution(tmp_path / "deep.h5", width=11, disorder=0, algorithm="SGD", solution=k) for k in (0, 1))
    scape = db.landscape(a.network, drawn.train, drawn.test)
    row = data.isel(pair=int(np.flatnonzero((data["start"] == 0) & (data["end"] == 1))[0])).squeeze()
    found = db.connectivity.line(scape, a, b, 5)
    assert row["curve_error"].sel(curve="line, linear").to_numpy() == pytest.approx(found.errors)
    assert a.latents is not None
    aligned = db.connectivity.line(scape, a, db.align(b, a).solution, 5)
    assert float(row["curve_barrier"].sel(curve="line, linear-aligned")) == aligned.barrier
    file.write_text(DEEP + 'shapes = ["geodesic-aligned"]\n')
    with pytest.raises(InvalidInputError, match="normalized"):
        load_spec(file)
