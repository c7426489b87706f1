import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.plots import mean_and_error, plot_overview, plot_results
from binland.plots.overview import draw_overview
from binland.plots.paths import draw_paths
from binland.plots.planes import draw_planes
from binland.plots.style import LONGEST_LABEL, any_letters, read, short, style
from binland.sweep.store.writer import writing
from tests.sweep import toy
from tests.sweep.small import spec

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
def test_the_overview_is_drawn_as_png_and_pdf(tmp_path, disorder_samples):
    path = tmp_path / "small.h5"
    bl.run_sweep(spec(grid={"disorder_samples": disorder_samples}), path)
    paths = plot_overview(path, tmp_path / "figures")
    assert [p.name for p in paths] == ["small.png", "small.pdf"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")


def test_the_curves_are_the_means_of_the_samples(tmp_path, monkeypatch):
    path, drawn = tmp_path / "small.h5", {}
    bl.run_sweep(spec(title="costs $5 and $\\foo"), path)

    def errorbar(axes, x, mean, error, **style):
        drawn[axes.get_ylabel(), style.get("label")] = (x, mean)

    monkeypatch.setattr("binland.plots.overview.errorbar", errorbar)
    plot_overview(path, tmp_path)
    data = bl.load_results(path)
    mean = ["disorder", "pair", "order"]
    curves = [values for (_, label), values in drawn.items() if label == "SGD, aligned"]
    expected = 100 * data["barrier"].sel(algorithm="SGD", symmetry="aligned").mean(mean)
    assert any(np.allclose(curve, expected) for _, curve in curves)
    assert not np.allclose(expected, 100 * data["barrier"].sel(algorithm="SGD", symmetry="raw").mean(mean))
    assert all(x.tolist() == [105, 155] for x, _ in curves)


def test_an_empty_sweep_is_not_drawn(tmp_path):
    with writing(tmp_path / "empty.h5", spec()):
        pass
    with pytest.raises(StoreError, match="no finished task yet"):
        plot_overview(tmp_path / "empty.h5", tmp_path)


def test_the_curves_of_paths_end_where_the_distances_do(tmp_path, monkeypatch):
    path, drawn = tmp_path / "small.h5", {}
    bl.run_sweep(spec(measure={"midpoints": 1, "profile_points": 4}), path)

    def plot(axes, x, y, **style):
        drawn.setdefault(style["label"], []).append((x, y))

    monkeypatch.setattr("binland.plots.style.errorbar", lambda *_, **__: None)
    monkeypatch.setattr("matplotlib.axes.Axes.plot", plot)
    draw_paths(read(path), 31)
    at = bl.load_results(path).sel(n_inputs=31, algorithm="RSGD", symmetry="aligned")
    (x, y), (bent_x, bent_y) = drawn["RSGD, aligned"]
    assert np.allclose(x, float(at["distance"].mean()) * np.array([0, 1 / 3, 2 / 3, 1]))
    assert np.allclose(y, 100 * at["path_error"].mean(["disorder", "pair"]))
    assert bent_x[-1] == pytest.approx(float(at["bend_distance"].mean(["disorder", "bend"]).sum()))
    assert bent_y[4] == pytest.approx(100 * float(at["midpoint_error"].mean()))


def test_without_pairs_there_are_no_paths(tmp_path):
    path = tmp_path / "small.h5"
    bl.run_sweep(spec(grid={"solutions": 1, "n_inputs": [21], "disorder_samples": 1}), path)
    assert [p.name for p in plot_results(path, tmp_path)] == ["small.png", "small.pdf"]


ODD = "_a $x^2$ \\frac{1}{2 & <b>% 漢字 🦊 \u2028" + "x" * 30


def variants(count, length):
    """Settings of so many algorithms with labels of so many letters, one of them odd."""
    names = [ODD if k == 1 else f"variant {k} ".ljust(length, "W") for k in range(count)]
    kinds = ("SGD", "ADV")
    return {name: {"kind": kinds[k % 2], "epochs": 1, "learning_rate": k + 1.0} for k, name in enumerate(names)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    toy.install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


@pytest.mark.parametrize(("count", "length"), [(1, 20), (4, 20), (3, 60), (25, 60), (2, 1000)])
def test_legends_cover_nothing_and_panels_keep_their_size(installed, tmp_path, count, length):
    shape = {"measure": {"midpoints": 1, "plane_points": 2}, "grid": {"width": [15], "disorder_samples": 1}}
    bl.run_sweep(toy.spec(algorithms=variants(count, length), **shape), tmp_path / "x.h5")
    results = read(tmp_path / "x.h5")
    drawn = {"overview": draw_overview(results), "paths": draw_paths(results, 15), "planes": draw_planes(results, 15)}
    for name, figure in drawn.items():
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
    found = spec(algorithms=algorithms)
    assert len({tuple(style(found, label).values()) for label in algorithms}) == 75


@pytest.mark.parametrize("length", [1, LONGEST_LABEL, LONGEST_LABEL + 1, 10**6])
def test_a_label_is_shortened_in_the_middle(length):
    label = "a" + "-" * (length - 2) + "b" if length > 1 else "b"
    assert len(short(label)) == min(length, LONGEST_LABEL)
    assert short(label).endswith("b")


def test_long_texts_of_a_file_are_drawn_in_short(tmp_path):
    bl.run_sweep(spec(title="long " * 200_000, grid={"n_inputs": [21]}), tmp_path / "x.h5")
    figure = draw_overview(read(tmp_path / "x.h5"))
    assert len(figure.get_suptitle()) < 1000


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
