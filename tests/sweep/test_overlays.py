"""Theory over figures: `binland plot --theory`, the built-in overlays, and one of a user."""

import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest

import binland as bl
from binland.errors import InvalidInputError
from binland.overlays.local_energy import closed_form
from binland.plots import Axis, Curve, Panel, Rule, panels, plot_results
from binland.plots.charts import charts_of
from binland.plots.overlay import lay_over
from binland.plots.results import read
from binland.sweep import registry
from binland.sweep.contracts.overlay import Overlay

SWEEP = {
    "model": {"kind": "perceptron"},
    "data": {"latent_dim": 51, "n_patterns": 51, "n_test": 200},
    "grid": {"n_inputs": [101, 201, 401], "disorder_samples": 2, "solutions": 2},
    "algorithms": {"SGD": {"epochs": 20}},
    "measure": {"local_energy": {"fractions": [0.02, 0.1], "realizations": 200}, "pair": False},
}
LABELS = {
    "model": {"kind": "perceptron"},
    "data": {"kind": "random-labels", "n_test": 1},
    "grid": {"n_inputs": [15], "data.alpha": [0.2, 0.4], "disorder_samples": 1, "solutions": 2},
    "algorithms": {"SGD": {"epochs": 200, "stop_at_zero_error": True}},
    "measure": {
        "local_energy": False,
        "pair": False,
        "enumeration": True,
        "local_entropy": {"distances": [0.1, 0.3]},
    },
}


@pytest.fixture(scope="module")
def manifold(tmp_path_factory):
    path = tmp_path_factory.mktemp("manifold") / "manifold.h5"
    bl.run_sweep(SWEEP, path)
    return path


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "labels.h5"
    bl.run_sweep(LABELS, path)
    return path


def theory_of(panel):
    """What is laid over a panel, by its name."""
    marks = defaultdict(list)
    for mark in panel.marks:
        if not isinstance(mark, Curve) or mark.theory:
            marks[mark.name].append(mark)
    return marks


def names(chart):
    """Of the legend of a chart."""
    return {entry.name for entry in chart.legend}


def test_test_errors_beside_replica_theory(manifold):
    panel = panels(manifold, theory=True)["test_error"]
    (curve,) = theory_of(panel)["typical solutions, replica theory"]
    for n in (101, 201, 401):
        typical = bl.theory.hidden_manifold(51 / n, 1.0)
        assert np.interp(n, curve.x, curve.y) == pytest.approx(100 * typical.generalization_error, abs=0.01)


def test_local_energies_beside_their_closed_form(manifold):
    """200 realisations of 4 solutions: z-scores below 4.5, exceeded by one of six with a chance of 4e-5."""
    results = read(manifold, theory=True)
    for n in (101, 201, 401):
        exact = closed_form(results, "SGD", {"n_inputs": n}, np.array([0.02, 0.1]), "count")
        samples = results.data["local_energy"].sel(n_inputs=n, algorithm="SGD")
        error = samples.std("realization").mean(["disorder", "solution"]) / np.sqrt(800)
        z = (samples.mean(["disorder", "solution", "realization"]) - exact) / error
        assert np.all(np.abs(z) < 4.5)


def test_nothing_is_laid_over_without_being_asked_for(manifold):
    assert not any(theory_of(panel) for panel in panels(manifold).values())
    results = read(manifold, theory=True)
    assert {"typical solutions, replica theory", "closed form"} <= names(charts_of(results)[""])


def test_success_rates_beside_the_capacity_and_entropies_beside_theory(labels):
    charts = charts_of(read(labels, theory=True))
    assert f"capacity, {bl.theory.capacity():.3f}" in names(charts["_success"])
    ending = "_n_inputs_15_alpha_0.4"
    assert {"belief propagation", "around typical solutions, replica theory"} <= names(charts[f"_enumeration{ending}"])
    assert "enumeration, mean where there are some" in names(charts[f"_local_entropy{ending}"])
    (panel,) = charts[f"_local_entropy{ending}"].panels
    (curve,) = theory_of(panel)["around typical solutions, replica theory"]
    assert np.interp(0.1, curve.x, curve.y) == bl.theory.local_entropy(0.4, 0.1).entropy


def test_the_command_line_has_it(manifold, tmp_path):
    command = [sys.executable, "-m", "binland", "plot", str(manifold), "--theory", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "manifold.png" in done.stdout
    with pytest.raises(InvalidInputError, match="theory='yes' is not true or false"):
        plot_results(manifold, tmp_path, theory="yes")


class Half(Overlay):
    """A line at one half, over a panel of one's own."""

    name, panel = "half", "my_panel"

    def applies(self, results):
        return len(results.axes) == 1

    def marks(self, results, panel, at):
        return [Rule(0.5, "one half")]


def test_an_overlay_of_ones_own_is_one_object(manifold, monkeypatch):
    monkeypatch.setattr(registry, "_own", registry.Declared())
    bl.register(Half())
    mine = Panel("my_panel", Axis(), Axis(), [])
    assert not lay_over(mine, read(manifold)).marks
    assert [mark.name for mark in lay_over(mine, read(manifold, theory=True)).marks] == ["one half"]
    with pytest.raises(InvalidInputError, match="binland has an overlay of that name"):
        bl.register(type("Capacity", (Half,), {"name": "capacity"})())
    with pytest.raises(InvalidInputError, match="is not a name of letters"):
        bl.register(type("Odd", (Half,), {"panel": ""})())
