"""Theory over figures: `binland plot --theory`, the built-in overlays, and one of a user."""

import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
from matplotlib.figure import Figure

import binland as bl
from binland.errors import InvalidInputError
from binland.overlays.local_energy import closed_form
from binland.plots import measures_of, plot_results
from binland.plots.overlay import lay_over
from binland.plots.overview import draw_overview
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


def lines(axes):
    """Lines by their labels."""
    found = defaultdict(list)
    for line in axes.lines:
        found[line.get_label()].append(line)
    return found


def texts(figure):
    """Of the legends within the panels."""
    return {text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()}


def test_test_errors_beside_replica_theory(manifold):
    results = read(manifold, theory=True)
    figure = draw_overview(results, measures_of(results))
    panel = next(axes for axes in figure.axes if axes.get_ylabel() == "test error (%)")
    (curve,) = lines(panel)["typical solutions, replica theory"]
    x, y = curve.get_data()
    for n in (101, 201, 401):
        typical = bl.theory.hidden_manifold(51 / n, 1.0)
        assert np.interp(n, x, y) == pytest.approx(100 * typical.generalization_error, abs=0.01)


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
    results = read(manifold)
    figure = draw_overview(results, measures_of(results))
    assert not texts(figure)
    with_theory = read(manifold, theory=True)
    assert {"typical solutions, replica theory", "closed form"} <= texts(
        draw_overview(with_theory, measures_of(with_theory))
    )


def test_success_rates_beside_the_capacity_and_entropies_beside_theory(labels, tmp_path):
    results = read(labels, theory=True)
    found = {}
    for measure in measures_of(results).values():
        found |= dict(measure.figures(results))
    assert f"capacity, {bl.theory.capacity():.3f}" in texts(found["_success"])
    ending = "_n_inputs_15_alpha_0.4"
    assert {"belief propagation", "around typical solutions, replica theory"} <= texts(found[f"_enumeration{ending}"])
    panel = found[f"_local_entropy{ending}"].axes[0]
    assert "enumeration, mean where there are some" in texts(panel.figure)
    (curve,) = lines(panel)["around typical solutions, replica theory"]
    x, y = curve.get_data()
    assert np.interp(0.1, x, y) == bl.theory.local_entropy(0.4, 0.1).entropy


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

    def draw(self, axes, results, at):
        return [axes.axhline(0.5, label="one half")]


def test_an_overlay_of_ones_own_is_one_object(manifold, monkeypatch):
    monkeypatch.setattr(registry, "_own", registry.Declared())
    bl.register(Half())
    figure = Figure()
    lay_over(figure.subplots(), read(manifold, theory=True), "my_panel")
    assert texts(figure) == {"one half"}
    with pytest.raises(InvalidInputError, match="binland has an overlay of that name"):
        bl.register(type("Capacity", (Half,), {"name": "capacity"})())
    with pytest.raises(InvalidInputError, match="is not a name of letters"):
        bl.register(type("Odd", (Half,), {"panel": ""})())
