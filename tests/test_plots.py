import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.families.shallow import Shallow
from binland.measures.bend import BEND
from binland.measures.errors import ERRORS
from binland.measures.pair import PAIR
from binland.measures.plane import PLANE
from binland.plots import Page, mean_and_error, panels, plot_results
from binland.plots.charts import measures_of
from binland.plots.draw import draw_chart
from binland.plots.letters import any_letters
from binland.plots.overview import overview
from binland.plots.results import read
from binland.plots.style import style
from binland.plots.text import LONGEST_LABEL, short
from binland.sweep.config import check_settings
from binland.sweep.store.layout import layout_of
from binland.sweep.store.writer import writing
from tests.sweep.small import settings, spec

SMALLEST_PANEL = {"overview": (3.5, 2.3), "paths": (3.5, 3.0), "planes": (1.8, 1.2)}  # inches


def test_error_bars_are_the_standard_error_over_disorder_samples():
    values = xr.DataArray(np.arange(24.0).reshape(2, 3, 4), dims=("n_inputs", "disorder", "solution"))
    mean, error = mean_and_error(values, "n_inputs")
    samples = values.to_numpy().mean(axis=2)
    assert np.allclose(mean, samples.mean(axis=1))
    assert np.allclose(error, samples.std(axis=1, ddof=1) / np.sqrt(3))


def test_error_bars_of_one_disorder_sample_are_the_spread_of_its_solutions():
    values = xr.DataArray(np.arange(8.0).reshape(2, 1, 4), dims=("n_inputs", "disorder", "pair"))
    mean, error = mean_and_error(values, "n_inputs")
    assert np.allclose(mean, values.to_numpy().mean(axis=(1, 2)))
    assert np.allclose(error, values.to_numpy()[:, 0].std(axis=1, ddof=1))


@pytest.mark.parametrize("disorder_samples", [1, 2])
def test_figures_are_drawn_as_png_and_pdf(tmp_path, disorder_samples):
    path = tmp_path / "small.h5"
    bl.run_sweep(spec(grid={"disorder_samples": disorder_samples}), path)
    paths = plot_results(path, tmp_path / "figures")
    assert [p.name for p in paths[:2]] == ["small.png", "small.pdf"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")


def test_the_curves_are_the_means_of_the_samples(tmp_path):
    path = tmp_path / "small.h5"
    bl.run_sweep(spec(title="costs $5 and $\\foo"), path)
    data, panel = bl.load_results(path), panels(path)["barrier"]
    means = {}
    for state in ("raw", "aligned"):
        place = {"algorithm": "SGD", "symmetry": state}
        (curve,) = [one for one in panel.curves if one.labels == place]
        samples = 100 * data["barrier"].sel(place).mean(["pair", "order"])
        assert curve.x.tolist() == [105, 155]
        assert np.allclose(curve.y, samples.mean("disorder"))
        assert np.allclose(curve.error, samples.std("disorder", ddof=1) / np.sqrt(samples.sizes["disorder"]))
        means[state] = curve.y
    assert not np.allclose(means["raw"], means["aligned"])


def test_what_is_drawn_is_what_the_panel_says(finished):
    """Points, ends of error bars and bands in matplotlib beside the numbers of the panel."""
    for panel in panels(finished).values():
        axes = Figure().subplots()
        panel.draw(axes)
        lines = [line.get_xydata() for line in axes.lines]
        ends = [end for bars in axes.collections for path in bars.get_paths() for end in path.vertices]
        for curve in panel.curves:
            assert any(np.array_equal(line, np.stack([curve.x, curve.y], 1), True) for line in lines)
            for sign in (-1, 1):
                edge = np.stack([curve.x, curve.y + sign * curve.error], 1)
                assert all(np.isclose(ends, point).all(axis=1).any() for point in edge if np.isfinite(point).all())
        assert [text.get_text() for text in axes.legend().get_texts()] == [curve.name for curve in panel.curves]


def test_an_empty_sweep_is_not_drawn(tmp_path):
    with writing(tmp_path / "empty.h5", spec()):
        pass
    with pytest.raises(StoreError, match="no finished task; `binland status` shows why"):
        plot_results(tmp_path / "empty.h5", tmp_path)


def test_the_curves_of_paths_end_where_the_distances_do(tmp_path):
    path = tmp_path / "small.h5"
    bl.run_sweep(spec(measure={"midpoints": 1, "profile_points": 4}), path)
    charts = dict(BEND.figures(read(path)))
    assert list(charts) == ["_paths_n_inputs_21", "_paths_n_inputs_31"]
    place = {"algorithm": "RSGD", "symmetry": "aligned"}
    at = bl.load_results(path).sel(n_inputs=31, **place)
    panel = charts["_paths_n_inputs_31"].panels[-1]
    (straight,) = [one for one in panel.curves if one.labels == place]
    (bent,) = [one for one in panel.inset.panel.curves if one.labels == {**place, "paths": "optimised"}]
    assert np.allclose(straight.x, float(at["distance"].mean()) * np.array([0, 1 / 3, 2 / 3, 1]))
    assert np.allclose(straight.y, 100 * at["path_error"].mean(["disorder", "pair"]))
    assert bent.x[-1] == pytest.approx(float(at["bend_distance"].mean(["disorder", "bend"]).sum()))
    assert bent.y[4] == pytest.approx(100 * float(at["midpoint_error"].mean()))


def test_without_pairs_there_are_no_paths(tmp_path):
    path = tmp_path / "small.h5"
    bl.run_sweep(spec(grid={"solutions": 1, "n_inputs": [21], "disorder_samples": 1}), path)
    assert [p.name for p in plot_results(path, tmp_path)] == ["small.png", "small.pdf"]


def names_of(path, out):
    """Of the figures of a file, without its own name and the ending."""
    drawn = plot_results(path, out)
    assert all(one.stat().st_size > 0 for one in drawn)
    return [one.stem.removeprefix(path.stem) for one in drawn[::2]]


@pytest.mark.slow
def test_of_two_axes_the_longer_one_is_drawn_along(tmp_path):
    """An overview for each value of the other one, and figures of paths for each point."""
    small = spec(grid={"n_inputs": [31, 21], "model.n_hidden": [3, 5, 7], "disorder_samples": 1})
    bl.run_sweep(small, tmp_path / "x.h5")
    names = names_of(tmp_path / "x.h5", tmp_path)
    assert names[:2] == ["_n_inputs_21", "_n_inputs_31"]
    assert sorted(names[2:]) == [f"_paths_n_inputs_{n}_n_hidden_{h}" for n in (21, 31) for h in (3, 5, 7)]
    for ending, part in read(tmp_path / "x.h5").slices():
        assert part.data.sizes["n_hidden"] == 3
        assert f"N = {ending[-2:]}" in overview(part, measures_of(part)).headline.facts


def test_how_often_training_succeeds_is_drawn_against_the_constraint_density(tmp_path):
    tables = settings(grid={"n_inputs": [21, 31], "data.alpha": [2.0, 0.1, 0.5]}, measure={"pair": False})
    del tables["data"]["n_patterns"]
    bl.run_sweep(check_settings(tables, "x"), tmp_path / "x.h5")
    assert names_of(tmp_path / "x.h5", tmp_path) == ["_n_inputs_21", "_n_inputs_31", "_success"]
    results, (_, chart) = read(tmp_path / "x.h5"), next(ERRORS.figures(read(tmp_path / "x.h5")))
    left = chart.panels[0]
    assert left.x.label == "constraint density P / N"
    rates = (results.data["train_error"] == 0).mean(["disorder", "solution"]).sortby("alpha")
    curves = [curve.y for curve in left.curves]
    for n_inputs in (21, 31):
        for label in ("SGD", "RSGD"):
            expected = rates.sel(n_inputs=n_inputs, algorithm=label).values
            assert any(np.allclose(curve, expected) for curve in curves)


@pytest.mark.slow
def test_barriers_between_two_algorithms_are_drawn(tmp_path):
    bl.run_sweep(spec(measure={"pair": {"pairs": "all"}}, algorithms=variants(3, 20)), tmp_path / "x.h5")
    assert names_of(tmp_path / "x.h5", tmp_path)[-1] == "_across"
    results = read(tmp_path / "x.h5")
    chart = dict(PAIR.figures(results))["_across"]
    data, (a, b) = results.data, results.labels[:2]
    ends = {(a, b), (b, a)}
    chosen = [
        two in ends for two in zip(data["across_algorithm"].values, data["across_to_algorithm"].values, strict=True)
    ]
    expected = data["across_distance"].sel(symmetry="aligned")[..., chosen].mean(["disorder", "across"])
    curves = [curve.y for curve in chart.panels[0].curves]
    assert len(curves) == 2 * 3
    assert any(np.allclose(curve, expected) for curve in curves)


@pytest.mark.slow
def test_across_two_axes_there_is_a_figure_for_each_value_of_one(tmp_path):
    grid = {"n_inputs": [21, 31], "model.n_hidden": [3, 5, 7], "disorder_samples": 1, "solutions": 2}
    bl.run_sweep(spec(grid=grid, measure={"pair": {"pairs": "all"}}), tmp_path / "x.h5")
    across = [name for name in names_of(tmp_path / "x.h5", tmp_path) if "across" in name]
    assert across == ["_across_n_inputs_21", "_across_n_inputs_31"]


@pytest.mark.slow
def test_a_sweep_of_one_point_is_drawn(tmp_path):
    bl.run_sweep(spec(grid={"n_inputs": "5 * model.n_hidden"}, measure={"pair": {"pairs": "all"}}), tmp_path / "x.h5")
    assert names_of(tmp_path / "x.h5", tmp_path) == ["", "_paths", "_across"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "off", [("local_energy",), ("errors",), ("pair",), ("errors", "local_energy", "pair")], ids=str
)
def test_without_a_measure_there_are_no_panels_of_it(tmp_path, off):
    bl.run_sweep(spec(measure=dict.fromkeys(off, False)), tmp_path / "x.h5")
    results = read(tmp_path / "x.h5")
    expected = {"errors": 1, "local_energy": 1, "pair": 2}
    drawn = overview(results, measures_of(results)).panels
    assert len(drawn) == sum(count for name, count in expected.items() if name not in off)
    assert ("_paths_n_inputs_21" in names_of(tmp_path / "x.h5", tmp_path)) == ("pair" not in off)


ODD = "_a $x^2$ \\frac{1}{2 & <b>% 漢字 🦊 \u2028" + "x" * 30


def variants(count, length):
    """Settings of so many algorithms with labels of so many letters, one of them odd."""
    names = [ODD if k == 1 else f"variant {k} ".ljust(length, "W") for k in range(count)]
    kinds = ("SGD", "ADV")
    return {name: {"kind": kinds[k % 2], "epochs": 1, "learning_rate": k + 1.0} for k, name in enumerate(names)}


class Flat:
    """A plane with some numbers in it."""

    def __init__(self, points):
        self.x, self.y = np.linspace(0, 1, points), np.linspace(0, 1, points)
        self.errors = np.outer(self.y, self.x) / 4
        self.corners = np.array([[0, 0], [1, 0], [0.5, 1]])


@pytest.mark.slow
@pytest.mark.parametrize(("count", "length"), [(1, 20), (4, 20), (3, 60), (12, 60), (2, 1000)])
def test_legends_cover_nothing_and_panels_keep_their_size(tmp_path, monkeypatch, count, length):
    monkeypatch.setattr(Shallow, "plane", lambda *_: Flat(2), raising=False)
    measure = {"midpoints": 1, "plane_points": 2, "fractions": [0.1], "realizations": 2, "orders": 2}
    grid = {"n_inputs": [15], "disorder_samples": 1, "solutions": 3}
    bl.run_sweep(spec(algorithms=variants(count, length), measure=measure, grid=grid), tmp_path / "x.h5")
    results = read(tmp_path / "x.h5")
    charts = {
        "overview": overview(results, measures_of(results)),
        "paths": dict(BEND.figures(results))["_paths_n_inputs_15"],
        "planes": dict(PLANE.figures(results))["_plane_n_inputs_15"],
    }
    for name, chart in charts.items():
        with Page().settings():
            figure = draw_chart(chart)
        canvas = FigureCanvasAgg(figure)
        with any_letters():
            canvas.draw()
            boxes = [axes.get_tightbbox(canvas.get_renderer()) for axes in figure.axes]
        assert figure.texts[0].get_window_extent(canvas.get_renderer()).width < figure.bbox.width
        for panel in figure.axes:
            inches = np.array(panel.get_window_extent().size) / figure.dpi
            assert panel.get_label() == "<colorbar>" or np.all(inches >= SMALLEST_PANEL[name])
            assert panel.title.get_window_extent(canvas.get_renderer()).width < figure.bbox.width / 2
        for legend in figure.legends:
            covered = legend.get_window_extent(canvas.get_renderer())
            assert 0 <= covered.x0 < covered.x1 <= figure.bbox.x1
            assert 0 <= covered.y0 < covered.y1 <= min(box.y0 for box in boxes)


def test_every_variant_of_an_algorithm_looks_different():
    algorithms = {f"{kind} {k}": {"kind": kind, "epochs": k + 1} for kind in ("SGD", "RSGD", "ADV") for k in range(25)}
    small = spec(algorithms=algorithms)
    found = SimpleNamespace(settings=small.resolved(), layout=layout_of(small))
    assert len({style(found, label) for label in algorithms}) == 75


@pytest.mark.parametrize("length", [1, LONGEST_LABEL, LONGEST_LABEL + 1, 10**6])
def test_a_label_is_shortened_in_the_middle(length):
    label = "a" + "-" * (length - 2) + "b" if length > 1 else "b"
    assert len(short(label)) == min(length, LONGEST_LABEL)
    assert short(label).endswith("b")


def test_long_texts_of_a_file_are_drawn_in_short(tmp_path):
    bl.run_sweep(spec(title="long " * 1900, grid={"n_inputs": [21]}), tmp_path / "x.h5")
    results = read(tmp_path / "x.h5")
    figure = draw_chart(overview(results, measures_of(results)))
    assert len(figure.get_suptitle()) < 1000


@pytest.mark.slow
def test_drawing_changes_nothing_of_a_session(finished, tmp_path):
    script = f"""
import sys
import matplotlib
import matplotlib.pyplot as plt
plt.figure()
before = dict(matplotlib.rcParams), matplotlib.get_backend(), plt.get_fignums()
from binland.plots import plot_results
plot_results({str(finished)!r}, "figures")
assert (dict(matplotlib.rcParams), matplotlib.get_backend(), plt.get_fignums()) == before
"""
    environment = {**os.environ, "MPLBACKEND": "svg"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True, timeout=240)


@pytest.mark.parametrize("out", [3, None, b"figures", [], "a\0b", "x" * 10**6, "x" * 300])
def test_an_impossible_folder_is_one_line(finished, out):
    with pytest.raises(InvalidInputError) as caught:
        plot_results(finished, out)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 2000
