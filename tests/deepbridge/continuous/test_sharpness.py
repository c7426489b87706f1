"""Sharpness by several definitions in sweeps of continuous networks."""

import math
from typing import get_args

import numpy as np
import pytest
import torch

import binland as bl
from binland.errors import InvalidInputError
from binland.measures.sharpness import LABELS, SHARPNESS, Definition, SharpnessSettings
from binland.plots.charts import charts_of, panels_of
from binland.plots.draw import draw_chart
from binland.plots.ranks import kendall
from binland.plots.results import read
from binland.sweep.config import check_settings
from binland.sweep.load import load_problem
from binland.sweep.naming import streams
from binland.sweep.tasks import Cell, Task
from deepbridge import connectivity
from deepbridge.connectivity.definitions import DEFINITIONS
from deepbridge.continuous.landscape import NetworkLandscape

OPTIONS = {
    "rho": 0.1,
    "adaptive_rho": 0.4,
    "epsilon": 0.002,
    "iterations": 3,
    "tolerance": 1e-3,
    "draws": 6,
    "rise": 0.2,
    "directions": 3,
}
SETTINGS = {
    "seed": 3,
    "data": {"name": "digits", "per_class": 6, "test_per_class": 4},
    "model": {"kind": "continuous-mlp", "width": 6},
    "grid": {
        "algorithms.SGD.batch_size": [8, 30],
        "algorithms.fast.batch_size": "algorithms.SGD.batch_size",
        "algorithms.fast.learning_rate": "0.01 * algorithms.SGD.batch_size",
        "solutions": 2,
    },
    "algorithms": {"SGD": {"epochs": 4}, "fast": {"kind": "SGD", "epochs": 4}},
    "measure": {"lines": False, "noise": {"sigmas": [0.5, 0.1], "realizations": 3}, "sharpness": OPTIONS},
}


def changed(**sharpness):
    """The settings with other ones of the measure."""
    return SETTINGS | {"measure": SETTINGS["measure"] | {"sharpness": sharpness}}


@pytest.fixture(autouse=True)
def one_thread():
    """As in the tasks of a sweep: sums of floats depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    path = tmp_path_factory.mktemp("sharpness") / "out.h5"
    bl.run_sweep(SETTINGS, path, report=lambda progress: None)
    return path


def test_the_file_holds_what_the_functions_give(result):
    spec, data = check_settings(SETTINGS, "sharpness"), bl.load_results(result)
    at = data.sel(batch_size=30, disorder=0, algorithm="fast", solution=1)
    task = Task("sharpness", Cell((1,), 0, "fast"), (1,), 0, "")
    seeds = {name: stream.seed for name, stream in streams(spec, task).items()}
    one = bl.load_solution(result, 30, "fast", 0, 1)
    assert one.algorithm.learning_rate == pytest.approx(0.3)
    there = NetworkLandscape(one.network, load_problem(result, disorder=0, batch_size=30).train)
    trace = connectivity.hessian_trace(there, one, 6, seed=seeds["hessian-trace"])
    volume = connectivity.basin_volume(there, one, 0.2, 3, seed=seeds["volume"])
    largest = connectivity.hessian_eigenvalues(there, one, 1, seed=seeds["hessian-largest"], tolerance=1e-3)
    expected = {
        "sam": connectivity.sam_sharpness(there, one, 0.1),
        "asam": connectivity.sam_sharpness(there, one, 0.4, adaptive=True),
        "keskar": connectivity.keskar_sharpness(there, one, 0.002, 3, seeds["keskar"]),
        "hessian-largest": largest.largest,
        "hessian-trace": trace.value,
        "fisher-rao": connectivity.fisher_rao(there, one),
        "volume": volume.typical,
        "weight-norm": float(np.linalg.norm(there.point(one).double())),
    }
    errors = {"hessian-trace": trace.error, "volume": np.std(volume.dimension * np.log(volume.radii), ddof=1) / 3**0.5}
    assert data["definition"].to_numpy().tolist() == list(expected)
    for name, value in expected.items():
        assert float(at["sharpness"].sel(definition=name)) == value, name
        error = float(at["sharpness_error"].sel(definition=name))
        assert error == pytest.approx(errors.get(name, math.nan), nan_ok=True)


def test_one_definition_more_changes_no_other_number(result, tmp_path):
    bl.run_sweep(changed(**OPTIONS, definitions=["volume", "keskar"]), tmp_path / "out.h5", report=lambda _: None)
    few, all_of_them = bl.load_results(tmp_path / "out.h5"), bl.load_results(result)
    assert few["sharpness"].equals(all_of_them["sharpness"].sel(definition=["volume", "keskar"]))
    assert few["noise_loss"].equals(all_of_them["noise_loss"])


def test_the_measure_is_added_to_a_finished_file_and_changes_nothing(result, tmp_path):
    path, without = tmp_path / "out.h5", SETTINGS | {"measure": {**SETTINGS["measure"], "sharpness": False}}
    bl.run_sweep(without, path, report=lambda _: None)
    before = bl.load_results(path)
    assert "sharpness" not in before
    bl.run_sweep(SETTINGS, path, extend=True, report=lambda _: None)
    after = bl.load_results(path)
    assert all(before[name].identical(after[name]) for name in before.variables)
    assert after["sharpness"].equals(bl.load_results(result)["sharpness"])


def test_figures_compare_all_definitions_and_the_local_energy(result):
    results = read(result)
    charts, data = charts_of(results), results.data
    beside, swept = charts["_sharpness"], charts["_sharpness_swept"]
    assert len(beside.panels) == len(LABELS) + 1
    assert len(swept.panels) == len(LABELS) + 3  # with train and test error
    panels = {name: panel for name, (_, panel) in panels_of(results, charts).items()}
    volume = panels["sharpness_volume_test_error"]
    assert "larger: flatter" in volume.x.label
    ranks = kendall(np.ravel(data["sharpness"].sel(definition="volume")), np.ravel(data["test_error"]))
    assert volume.title == f"log-volume of the basin per parameter\n{ranks}"
    assert ranks.n_solutions == 8
    crosses = [curve for curve in volume.curves if curve.labels["what"] == "single solutions"]
    assert [(c.labels["algorithm"], c.labels["batch_size"]) for c in crosses] == [
        ("SGD", "8"),
        ("fast", "8"),
        ("SGD", "30"),
        ("fast", "30"),
    ]
    at = data.sel(batch_size=30, algorithm="fast", disorder=0)
    assert crosses[3].x == pytest.approx(at["sharpness"].sel(definition="volume").to_numpy() / int(at["n_weights"]))
    assert np.array_equal(crosses[3].y, 100 * at["test_error"])
    energy = panels["sharpness_local_energy_test_error"].curves[-2]
    assert energy.x == pytest.approx(100 * at["noise_energy"].sel(sigma=0.5).mean("draw").to_numpy())
    (trace,) = (curve for curve in panels["sharpness_hessian-trace"].curves if curve.labels["algorithm"] == "SGD")
    values = data["sharpness"].sel(definition="hessian-trace", algorithm="SGD", disorder=0)
    assert trace.y == pytest.approx(values.mean("solution").to_numpy())
    assert trace.error == pytest.approx(values.std("solution", ddof=1).to_numpy())
    assert draw_chart(beside)
    assert draw_chart(swept)


def test_networks_of_different_sizes_are_not_pooled(tmp_path):
    grid = {"width": [4, 6], "solutions": 2}
    measure = {"lines": False, "noise": False, "errors": True, "sharpness": {"definitions": ["weight-norm"]}}
    tables = SETTINGS | {"model": {"kind": "continuous-mlp"}, "grid": grid, "measure": measure}
    bl.run_sweep(tables | {"algorithms": {"SGD": {"epochs": 1}}}, tmp_path / "out.h5", report=lambda _: None)
    results = read(tmp_path / "out.h5")
    charts = charts_of(results)
    assert {name for name in charts if "sharpness" in name} == {
        "_sharpness_width_4",
        "_sharpness_width_6",
        "_sharpness_swept",
    }
    assert "2 solutions" in charts["_sharpness_width_4"].panels[0].title
    assert "sharpness_weight-norm_test_error_width_6" in panels_of(results, charts)


def test_every_definition_has_a_function_a_label_and_a_price():
    assert list(get_args(Definition)) == list(DEFINITIONS) == list(LABELS)
    for name in DEFINITIONS:
        settings = SharpnessSettings(definitions=[name])
        few, factor = SHARPNESS.quick(settings)
        assert factor == settings.passes / few.passes >= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (changed(definitions=["flat"]), "measure.sharpness.definitions.*'flat'.*'sam'"),
        (changed(definitions=[]), "measure.sharpness.definitions = "),
        (changed(definitions=["sam", "sam"]), "each definition may occur once"),
        (changed(draws=1), "measure.sharpness.draws = 1"),
        (changed(rho=0.0), "measure.sharpness.rho = 0.0"),
        (
            {
                "model": {"kind": "mlp"},
                "data": {"name": "digits"},
                "grid": {"width": [5]},
                "measure": {"sharpness": {}},
            },
            "measure.sharpness is not for model.kind = 'mlp', which has no sharpness; remove it",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_line(settings, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        check_settings(settings, "sharpness")
    assert "\n" not in str(caught.value)
