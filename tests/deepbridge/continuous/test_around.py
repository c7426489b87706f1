"""Measures of the region around a solution: a small sweep against direct calls, figures, refusals."""

import json
import sys

import numpy as np
import pytest
import torch

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.measures.topology import of_vanishing
from binland.plots.chart import Axis, Chart, Dots, Headline, Panel
from binland.plots.charts import charts_of
from binland.plots.curves import axes_of, meaning_of
from binland.plots.draw import draw_chart
from binland.plots.results import read
from binland.reports.traces import figure_of
from binland.sweep.config import load_spec
from binland.sweep.load import load_problem
from binland.sweep.naming import streams
from binland.sweep.spec import Axis as Setting
from binland.sweep.tasks import Cell, Task
from deepbridge.connectivity import (
    JumpAndRetrain,
    distance_matrix,
    embed,
    jump_and_retrain,
    random_directions,
    sample_persistence,
    surface,
)

pytest.importorskip("gudhi")

TOML = """
seed = 3
[data]
name = "digits"
per_class = 6
test_per_class = 4
[model]
kind = "lenet"
filters = [3]
[grid]
width = [5, 6]
solutions = 2
[algorithms.SGD]
epochs = 3
[algorithms.augmented]
kind = "SGD"
epochs = 3
augmentation = "flips-and-crops"
[measure]
noise = false
lines = false
[measure.topology]
directions = 2
steps = [0.5, 1.0]
epochs = 3
batch_size = 20
learning_rate = 0.05
neighbours = 4
kept = 6
published = true
picture = true
[measure.surface]
points = 3
realizations = 2
extent = 0.5
"""
LINES = """
[measure.surface]
dimensions = 1
points = 5
"""


@pytest.fixture(autouse=True)
def one_thread():
    """As in the tasks of a sweep: sums of floats depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def swept(folder, text):
    (folder / "around.toml").write_text(text)
    bl.run_sweep(folder / "around.toml", folder / "around.h5", report=lambda progress: None)
    return folder / "around.h5"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return swept(tmp_path_factory.mktemp("around"), TOML)


def setting(result, label, kind):
    """The network of width 6, its first solution, data, landscape, and the seed of a measure of it."""
    spec = load_spec(result.with_suffix(".toml"))
    point = next(point for point in spec.points if spec.at(point).model.width == 6)
    seed = streams(spec, Task(kind, Cell(point, 0, label), (0,), 0, ""))[kind].seed
    one, drawn = bl.load_solution(result, algorithm=label, width=6), load_problem(result, disorder=0, width=6)
    return one, drawn, db.landscape(one.network, drawn.train, drawn.test), seed


@pytest.mark.parametrize("label", ["SGD", "augmented"])
def test_topology_is_that_of_the_functions(result, label):
    one, _, landscape, seed = setting(result, label, "topology")
    augmentation = "flips-and-crops" if label == "augmented" else "none"
    chosen = JumpAndRetrain(
        directions=2, steps=[0.5, 1.0], epochs=3, batch_size=20, learning_rate=0.05, augmentation=augmentation
    )
    samples = jump_and_retrain(landscape, one, chosen, seed, progress=False)
    at = bl.load_results(result).sel(width=6, disorder=0, algorithm=label).isel(solution=0)
    for level, values in (("train loss", "losses"), ("test loss", "test_losses")):
        row = at.sel(topology_level=level)
        assert np.array_equal(row["topology_loss"], getattr(samples, values))
        found = sample_persistence(samples, 4, values)
        assert row["topology_persistence"].to_numpy().tolist() == [found.total(0), found.total(1)]
        assert row["topology_count"].to_numpy().tolist() == [found.n_components, found.n_loops]
        for dimension, kind in enumerate(("components", "loops")):
            spans = np.minimum(found.diagram(dimension), found.largest)
            spans = spans[np.argsort(spans[:, 0] - spans[:, 1], kind="stable")][:6]
            stored = row["topology_interval"].sel(topology_class=kind).to_numpy()
            assert np.array_equal(stored[: len(spans)], spans)
            assert np.isnan(stored[len(spans) :]).all()
    published = sample_persistence(samples, 4, published=True)
    assert at["topology_published"].to_numpy().tolist() == [published.total(0), published.total(1)]
    picture = embed(distance_matrix(samples.points, "cosine"))
    assert np.array_equal(at["topology_place"], picture.coordinates)


def test_surfaces_are_those_of_the_functions(result):
    one, _, landscape, seed = setting(result, "SGD", "surface")
    directions = random_directions(landscape, one, 4, seed=seed)
    at = bl.load_results(result).sel(width=6, disorder=0, algorithm="SGD").isel(solution=0)
    for draw in (0, 1):
        found = surface(landscape, one, directions[2 * draw : 2 * draw + 2], 3, 0.5, progress=False)
        row = at.isel(surface_draw=draw)
        for name, values in (
            ("loss", found.losses), ("test_loss", found.test_losses),
            ("error", found.errors), ("test_error", found.test_errors),
        ):  # fmt: skip
            assert np.array_equal(row[f"surface_{name}"], values)
        assert np.array_equal(row["surface_x"], found.x)
        assert np.array_equal(row["surface_y"], found.y)


def test_lines_are_surfaces_of_one_row(result, tmp_path):
    other = swept(tmp_path, TOML.replace(TOML[TOML.index("[measure.topology]") :], LINES))
    one, _, landscape, seed = setting(other, "SGD", "surface")
    at = bl.load_results(other).sel(width=6, disorder=0, algorithm="SGD").isel(solution=0, surface_draw=0)
    found = surface(landscape, one, random_directions(landscape, one, 1, seed=seed), 5, progress=False)
    assert np.array_equal(at["surface_loss"], found.losses[None])
    assert at["surface_y"].to_numpy().tolist() == [0]
    assert at["surface_loss"].sel(surface_y=0, surface_x=0) == pytest.approx(
        one.loss(setting(other, "SGD", "surface")[1].train)
    )
    charts = charts_of(read(other))
    lines = charts["_surface_width_6"]
    assert [len(panel.curves) for panel in lines.panels] == [2, 2, 2, 2]
    assert all(curve.band for panel in lines.panels for curve in panel.curves)
    assert all(draw_chart(chart) for chart in charts.values())
    for name in ("train_error", "test_error"):  # other measures change nothing
        assert np.array_equal(bl.load_results(other)[name], bl.load_results(result)[name])


def test_figures_are_drawn(result):
    charts = charts_of(read(result))
    for part in ("surface", "surface_errors", "diagrams", "region"):
        assert {f"_{part}_width_5", f"_{part}_width_6"} <= set(charts)
    beside = charts["_topology"]
    assert len(beside.panels) == 7
    every = bl.load_results(result).sel(topology_level="test loss")
    vanishing = of_vanishing(every).stack(at=("disorder", "algorithm", "solution", "width"))
    for place in vanishing["at"].to_numpy():
        keys = dict(zip(("disorder", "algorithm", "solution", "width"), place, strict=True))
        one = every.sel(keys)
        top = float(one["topology_loss"].max())
        spans = one["topology_interval"].sel(topology_class="components").to_numpy()
        expected = sum((death - birth) ** 2 for birth, death in spans if death < top)
        assert float(vanishing.sel(at=place)) == pytest.approx(expected)
    assert all("8 solutions" in panel.title for panel in beside.panels)
    assert all(draw_chart(chart) for chart in charts.values())
    (dots,) = charts["_region_width_6"].panels[0].marks
    data = bl.load_results(result).sel(width=6, disorder=0, algorithm="SGD").isel(solution=0)
    assert np.array_equal(dots.places, data["topology_place"])
    assert dots.values == pytest.approx(np.log10(data["topology_loss"].sel(topology_level="test loss")))
    diagram = charts["_diagrams_width_6"].panels[0]
    assert [curve.name for curve in diagram.curves] == ["", "components", "loops"]
    known = [curve.y >= curve.x for curve in diagram.curves[1:] if np.isfinite(curve.x).all()]
    assert all(above.all() for above in known)
    for chart in charts.values():
        assert all(json.dumps(figure_of(panel, chart.levels)) for panel in chart.panels)


def test_surfaces_regions_and_diagrams_are_panels_with_names(result, tmp_path):
    names = ["surface_loss_SGD_width_6", "surface_test_error_augmented_width_5", "region_SGD_width_6"]
    names += ["diagram_augmented_width_6"]
    assert {*names} <= {*bl.plots.panels(result)}
    made = bl.plots.plot_results(result, tmp_path, page=bl.plots.Page(formats=["png"]), only=names)
    assert [path.stem for path in made] == [f"around_{name}" for name in names]
    region = bl.plots.panels(result)["region_SGD_width_6"]
    assert (region.x.label, region.y.label) == ("first axis of the picture (nat)", "second axis (nat)")


def test_pictures_of_a_region_are_no_lines(result):
    """Near samples have potentials that are nearly parallel; a picture of the angles would be a line."""
    places = bl.load_results(result)["topology_place"].stack(at=("disorder", "algorithm", "solution", "width"))
    assert (places.std("topology_sample") > 0.1).all()


def test_widths_are_named_after_the_model(result):
    setting = Setting("model.width", "width", (5, 6), "H", "units of a layer, or filters of VGG16")
    one = read(result)
    for kind, meaning in (("lenet", "units of a layer"), ("vgg16", "filters of VGG16")):
        assert meaning_of(one._replace(settings={"model": {"kind": kind}}), setting) == meaning
    other = setting._replace(meaning="flips of labels, or of inputs")
    assert meaning_of(one, other) == other.meaning, "no kind of model is named"
    assert axes_of(one)[1].label == "units of a hidden layer"


def test_dots_are_coloured_alike_everywhere():
    places, values = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), np.array([-1.0, 0.5, np.nan])
    panel = Panel("dots", Axis(), Axis(), [Dots(places, values, [("S", 0.0, 1.0)])])
    table = panel.table()
    assert table["x"].tolist() == [0, 2, 4]
    assert table["value"].tolist()[:2] == [-1, 0.5]
    trace, text = figure_of(panel)["data"]
    assert trace["marker"]["color"] == [-1, 0.5, None]
    assert (trace["marker"]["cmin"], trace["marker"]["cmax"]) == (-1, 0.5)
    assert text["text"] == ["S"]
    figure = draw_chart(Chart([panel], Headline("dots"), levels=np.linspace(-2, 2, 5), color_label="value"))
    (drawn,) = figure.axes[0].collections
    assert drawn.get_clim() == (-2, 2)
    assert figure.axes[1].get_ylabel() == "value"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("neighbours = 4", "neighbours = 17", "neighbours = 17 of 12 samples"),
        ("neighbours = 4\n", "neighbours = 0\n", "neighbours = 0"),
        ("steps = [0.5, 1.0]", "steps = []", "steps"),
        ("kept = 6", "kept = 6\nmomentum = 1.0", "momentum = 1"),
        ("kept = 6", 'kept = 6\ndistance = "hamming"', "hamming"),
        ("points = 3\nrealizations", "points = 1\nrealizations", "points = 1"),
        ("points = 3\nrealizations", "dimensions = 3\npoints = 3\nrealizations", "dimensions = 3"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(tmp_path, old, new, message):
    assert old in TOML
    (tmp_path / "x.toml").write_text(TOML.replace(old, new, 1))
    with pytest.raises(InvalidInputError, match=message):
        load_spec(tmp_path / "x.toml")


@pytest.mark.parametrize("name", ["topology", "surface"])
def test_binary_networks_have_none(tmp_path, name):
    model = '[model]\nkind = "perceptron"\n[grid]\nn_inputs = [5]\n[algorithms.SGD]\n'
    data = '[data]\nkind = "random-labels"\nn_patterns = 4\n'
    (tmp_path / "x.toml").write_text(f"{data}{model}[measure.{name}]\n")
    with pytest.raises(InvalidInputError, match=f"measure.{name} is not for model.kind = 'perceptron'"):
        load_spec(tmp_path / "x.toml")


def test_estimates_are_of_less_work():
    from binland.measures.surface import SURFACE, SurfaceSettings
    from binland.measures.topology import TOPOLOGY, TopologySettings

    for directions in (1, 2, 16):
        settings = TopologySettings(directions=directions, steps=[1.0], epochs=40, published=True)
        quick, times = TOPOLOGY.quick(settings)
        assert quick.n_samples > 5
        assert times == 41 / (quick.epochs + 1) > 1
    quick, times = SURFACE.quick(SurfaceSettings(points=9, realizations=4))
    assert (quick.points, quick.realizations, times) == (3, 1, 36)


def test_without_gudhi_nothing_is_trained(tmp_path, monkeypatch):
    (tmp_path / "x.toml").write_text(TOML)
    monkeypatch.setitem(sys.modules, "gudhi", None)
    with pytest.raises(InvalidInputError, match=r"measure.topology needs gudhi: pip install '.\[landscape\]'"):
        bl.run_sweep(tmp_path / "x.toml", tmp_path / "x.h5", progress=False)
    assert not (tmp_path / "x.h5").exists()
