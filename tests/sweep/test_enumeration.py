"""Exact enumeration and bottlenecks in sweeps."""

import numpy as np
import pytest

import binland as bl
from binland.enumeration import MOST_WEIGHTS, kept_enumeration
from binland.measures import enumeration as measure
from binland.plots import plot_results
from binland.sweep.config import check_settings
from binland.sweep.execute import draw

SWEEP = {
    "title": "small machines",
    "seed": 3,
    "data": {"kind": "random-labels", "n_patterns": 5, "n_test": 10},
    "model": {"kind": "committee", "n_hidden": 3},
    "grid": {"n_inputs": [3, 5], "disorder_samples": 2, "solutions": 2},
    "algorithms": {"SGD": {"epochs": 30}, "RSGD": {"epochs": 10, "replicas": 3}},
    "measure": {
        "enumeration": {"energies": 4},
        "bottleneck": {"orders": 3, "budget": 2000},
        "pair": False,
        "local_energy": False,
    },
}


@pytest.mark.slow
def test_sweeps_store_what_is_found_by_hand(tmp_path):
    path, small = tmp_path / "out.h5", check_settings(SWEEP, "small machines")
    bl.run_sweep(small, path)
    data = bl.load_results(path)
    train = draw(small, (1,), 1).train
    point = data.sel(n_inputs=5, disorder=1, algorithm="SGD")
    a, b = (bl.load_solution(path, 5, "SGD", 1, k) for k in range(2))
    found = bl.enumerate_solutions(a.machine, train)
    assert found.count > 0
    for k, solution in enumerate((a, b)):
        one = point.sel(solution=k)
        assert one["enumeration_distances"].values.tolist() == [*found.distances(solution), *[0] * 13]
        assert one["enumeration_energies"].values.tolist() == found.energies[:4].tolist()
        assert one["enumeration_solutions"] == found.count
        assert one["enumeration_components"] == len(found.components)
        assert one["enumeration_largest"] == found.components[0]
        place = found.index(solution)
        assert one["enumeration_own"] == (0 if place is None else found.components[found.component_labels[place]])
    pair = point.isel(pair=0)
    for symmetry, end in (("raw", b), ("aligned", bl.align(b, to=a).solution)):
        errors = pair["bottleneck_errors"].sel(symmetry=symmetry)
        for which in ("all", "shortest"):
            assert errors.sel(path=which) == found.bottleneck(a, end, which).error_counts.max()
        guided = bl.shortest_path(a, end, train, order="guided").error_counts.max()
        assert errors.sel(path="guided") == pytest.approx(guided)
        heights = errors.sel(path=["all", "shortest", "annealed", "guided"]).values
        assert np.all(np.diff(heights) >= -1e-9)
        assert errors.sel(path="random") >= errors.sel(path="shortest") - 1e-9
    names = {figure.name for figure in plot_results(path, tmp_path / "figures")}
    for ending in ("enumeration_n_inputs_3", "components", "bottleneck_n_inputs_5"):
        assert f"out_{ending}.png" in names


def test_one_point_without_an_axis(tmp_path):
    grid = {"n_inputs": [3], "disorder_samples": 1, "solutions": 2}
    bl.run_sweep(check_settings({**SWEEP, "grid": grid}, "one"), tmp_path / "one.h5")
    assert plot_results(tmp_path / "one.h5", tmp_path / "figures")


def test_machines_that_are_too_large_are_refused_before_anything_runs():
    for name in ("enumeration", "bottleneck"):
        plain = {**SWEEP, "grid": {"n_inputs": [5, 11], "solutions": 2}, "measure": {name: {}}}
        with pytest.raises(ValueError, match=f"measure.{name} is for models of at most 28 weights, not 33") as caught:
            check_settings(plain, "large")
        assert "\n" not in str(caught.value)
    assert measure.MOST_WEIGHTS == MOST_WEIGHTS


def test_networks_without_the_verb_are_refused():
    plain = {
        "title": "deep", "seed": 1, "data": {"name": "digits", "per_class": 10, "test_per_class": 5},
        "model": {"kind": "mlp", "n_hidden_layers": 1}, "grid": {"width": [3], "solutions": 2},
        "measure": {"enumeration": {}},
    }  # fmt: skip
    with pytest.raises(
        ValueError, match=r"measure.enumeration is not for model.kind = 'mlp', which has no enumeration"
    ):
        check_settings(plain, "deep")


def test_the_last_enumeration_is_kept_and_no_other_is_taken_for_it():
    machine, patterns = bl.Perceptron(7), bl.Patterns.random(4, 7, seed=0)
    found = kept_enumeration(machine, patterns)
    assert kept_enumeration(machine, bl.Patterns(patterns.inputs, patterns.labels)) is found
    assert kept_enumeration(bl.CommitteeMachine(7, 1), patterns) is not found
    other = kept_enumeration(machine, bl.Patterns(patterns.inputs, -patterns.labels))
    assert other.energies.tolist() == bl.enumerate_solutions(machine, other.patterns).energies.tolist()
    assert kept_enumeration(machine, patterns) is not found
