import numpy as np
import pytest
import xarray as xr

import binland as bl
from binland.errors import StoreError
from binland.plots import mean_and_error, plot_overview, plot_results
from binland.plots.paths import draw_paths
from binland.plots.style import read
from binland.sweep.store.writer import writing
from tests.sweep.small import spec


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
    monkeypatch.setattr("matplotlib.axes.Axes.legend", lambda *_, **__: None)
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
    monkeypatch.setattr("matplotlib.axes.Axes.legend", lambda *_, **__: None)
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
