"""Volumes of Hamming shells in sweeps, of shallow machines and deep networks."""

import numpy as np
import pytest

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.plots.charts import charts_of
from binland.plots.draw import draw_chart
from binland.plots.results import read
from binland.sweep.config import check_settings
from binland.sweep.execute import draw
from binland.sweep.naming import streams
from binland.sweep.tasks import Cell, Task
from tests.sweep.small import cell, spec

FRACTIONS, ERRORS = [0.2, 0.0, 0.001, 0.05], [0.0, 0.3, 1.0]  # unsorted, and two that are no flip
HAMMING = {"fractions": FRACTIONS, "max_errors": ERRORS, "realizations": 20, "confidence": 0.9}
SHALLOW = {
    "seed": 3,
    "data": {"latent_dim": 11, "n_patterns": 30, "n_test": 50},
    "model": {"kind": "committee", "n_hidden": 5},
    "grid": {"n_inputs": [21, 31], "disorder_samples": 2, "solutions": 2},
    "algorithms": {"SGD": {"epochs": 20}, "RSGD": {"epochs": 3, "replicas": 2}},
    "measure": {"pair": False, "local_energy": False, "hamming": HAMMING},
}
DEEP = {
    "seed": 3,
    "data": {"name": "digits", "per_class": 3, "test_per_class": 2},
    "model": {"kind": "mlp", "n_hidden_layers": 1},
    "grid": {"width": [9], "solutions": 1},
    "algorithms": {"SGD": {"epochs": 30}},
    "measure": {"pair": False, "local_energy": False, "hamming": HAMMING},
}


def run(tables, path):
    bl.run_sweep(tables, path, report=lambda progress: None)
    return bl.load_results(path)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    path = tmp_path_factory.mktemp("hamming") / "out.h5"
    run(SHALLOW, path)
    return path


def check(found, volume, flips):
    """Compare the numbers of one solution and threshold with a volume."""
    places = [volume.distances.tolist().index(k) for k in flips]
    assert np.array_equal(found["hamming_share"], volume.shares[places])
    assert np.array_equal(found["hamming_share_low"], volume.share_intervals[places, 0])
    assert np.array_equal(found["hamming_share_high"], volume.share_intervals[places, 1])
    names = ["hamming_log_volume", "hamming_log_volume_low", "hamming_log_volume_high"]
    assert [float(found[name]) for name in names] == [volume.log_volume, *volume.log_volume_interval]


def seed_of(small, cell, solution):
    return streams(small, Task("hamming", cell, (solution,)))["hamming"].seed


def test_the_file_holds_what_the_function_gives(result):
    small, data = check_settings(SHALLOW, "hamming"), bl.load_results(result)
    train = draw(small, (0,), 1).train
    solution, seed = bl.load_solution(result, 21, "RSGD", 1, 0), seed_of(small, cell(21, 1, "RSGD"), 0)
    for threshold in ERRORS:
        volume = bl.hamming_volume(solution, train, FRACTIONS, threshold, 20, seed, confidence=0.9)
        at = data.sel(n_inputs=21, disorder=1, algorithm="RSGD", solution=0, hamming_max_error=threshold)
        check(at, volume, [21, 0, 0, 5])
        assert at["hamming_distance"].to_numpy().tolist() == FRACTIONS


def test_deep_networks_give_what_their_function_gives(tmp_path):
    small, data = check_settings(DEEP, "hamming"), run(DEEP, tmp_path / "out.h5")
    solution, seed = bl.load_solution(tmp_path / "out.h5", 9, "SGD", 0, 0), seed_of(small, Cell((0,), 0, "SGD"), 0)
    n = solution.network.n_weights
    for threshold in ERRORS:
        volume = db.hamming_volume(solution, draw(small, (0,), 0).train, FRACTIONS, threshold, 20, seed, 0.9)
        at = data.sel(width=9, disorder=0, algorithm="SGD", solution=0, hamming_max_error=threshold)
        check(at, volume, [round(fraction * n) for fraction in FRACTIONS])


def test_it_changes_no_other_number(finished, tmp_path):
    bl.run_sweep(spec(measure={"hamming": {"realizations": 2}}), tmp_path / "out.h5")
    old, new = bl.load_results(finished), bl.load_results(tmp_path / "out.h5")
    for name in old.data_vars:
        if not name.endswith("_seconds"):
            assert old[name].drop_attrs().equals(new[name].drop_attrs()), name


def test_figures_show_shares_with_intervals_and_volumes_beside_test_errors(result):
    results = read(result)
    charts, data = charts_of(results), results.data
    names = [name for name in charts if "hamming" in name]
    assert names == [f"_hamming{kind}_n_inputs_{n}" for kind in ("", "_volume") for n in (21, 31)]
    panel = charts["_hamming_n_inputs_31"].panels[1]
    assert (panel.name, panel.title) == ("hamming_share_0.3", "train error at most 30 %")
    band, _, curve, _ = panel.curves
    at = data.sel(n_inputs=31, algorithm="SGD", hamming_max_error=0.3).sortby("hamming_distance")
    mean = at.mean(["disorder", "solution"])
    assert curve.y == pytest.approx(mean["hamming_share"].to_numpy())
    assert band.y - band.error == pytest.approx(mean["hamming_share_low"].to_numpy())
    assert band.y + band.error == pytest.approx(mean["hamming_share_high"].to_numpy())
    assert (band.y - band.error <= curve.y + 1e-12).all()
    volumes = charts["_hamming_volume_n_inputs_21"].panels
    assert "larger: flatter" in volumes[0].x.label
    assert "8 solutions" in volumes[0].title
    assert all(draw_chart(charts[name]) for name in names)


def test_solutions_that_are_there_twice_count_once(tmp_path):
    grid = {"n_inputs": [21], "algorithms.SGD.epochs": [3, 4], "disorder_samples": 2, "solutions": 2}
    settings = SHALLOW | {"algorithms": {"SGD": {}, "again": {"kind": "SGD", "epochs": 3}}, "grid": grid}
    data = run(settings, tmp_path / "out.h5")["test_error"].isel(epochs=0)
    first, second = (data.sel(algorithm=name).to_numpy() for name in ("SGD", "again"))
    np.testing.assert_array_equal(first, second)
    panel = charts_of(read(tmp_path / "out.h5"))["_hamming_volume"].panels[0]
    assert "8 solutions" in panel.title  # of 16, since `again` is the same at both points


def test_solutions_without_a_hit_have_the_smallest_volume_and_no_mean(tmp_path):
    tables = SHALLOW | {"algorithms": {"SGD": {"epochs": 0}}, "grid": {"n_inputs": [21], "solutions": 3}}
    data = run(tables | {"measure": {**SHALLOW["measure"], "errors": True}}, tmp_path / "out.h5")
    assert np.isneginf(data["hamming_log_volume"].sel(hamming_max_error=0.0)).all()
    assert np.isneginf(data["hamming_log_volume_low"].sel(hamming_max_error=0.0)).all()
    assert np.isfinite(data["hamming_log_volume_high"]).all()
    chart = charts_of(read(tmp_path / "out.h5"))["_hamming_volume"]
    assert [curve.labels["what"] for curve in chart.panels[0].curves] == ["single solutions"]
    assert draw_chart(chart)


@pytest.mark.parametrize(
    ("hamming", "message"),
    [
        ({"fractions": [1.5]}, "measure.hamming.fractions"),
        ({"max_errors": []}, "measure.hamming.max_errors"),
        ({"max_errors": [0.1, 0.1]}, "each error may occur once"),
        ({"realizations": 0}, "measure.hamming.realizations = 0"),
        ({"confidence": 1.0}, "measure.hamming.confidence = 1.0"),
        ({"fractions": [0.1, 0.2], "realizations": 9_000_000}, "18000000 weight vectors; at most"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(hamming, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        check_settings(SHALLOW | {"measure": {"hamming": hamming}}, "hamming")
    assert "\n" not in str(caught.value)


def test_a_family_without_the_verb_is_refused():
    tables = {"model": {"kind": "continuous-mlp"}, "data": {"name": "digits"}, "grid": {"width": [5]}}
    with pytest.raises(InvalidInputError, match=r"measure.hamming is not for model.kind = 'continuous-mlp'"):
        check_settings(tables | {"measure": {"hamming": {}}}, "hamming")
