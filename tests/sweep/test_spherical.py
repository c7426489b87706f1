"""Sweeps of the spherical perceptron: what is stored is what the public functions give."""

from pathlib import Path

import numpy as np
import pytest

import binland as bl
from binland.errors import InvalidInputError
from binland.measures.geodesic import GEODESIC, along, geodesics, midpoints, overlaps
from binland.measures.simplex import SIMPLEX, side_of, simplices, symmetric, triangle
from binland.plots.results import read
from binland.sweep.config import load_spec
from binland.sweep.execute import draw
from binland.sweep.naming import streams
from binland.sweep.tasks import Cell, Task
from binland.sweep.words import TRAINING

CONFIG = Path(__file__).parents[2] / "experiments" / "spherical.toml"
TEXT = """
title = "small"
seed = 1
[data]
kind = "gaussian"
n_inputs = 15
n_test = 7
[model]
kind = "spherical"
kappa = -0.5
[grid]
"data.alpha" = [0.5, 1.0]
disorder_samples = 2
solutions = 3
[algorithms.Sampler]
sweeps = 20
[algorithms.MarginDescent]
[measure.geodesic]
points = 5
[measure.simplex]
points = 4
threshold = -0.4
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spherical")
    (folder / "small.toml").write_text(TEXT)
    bl.run_sweep(folder / "small.toml", folder / "out.h5")
    return folder


def test_stored_numbers_are_those_of_the_public_functions(swept):
    spec = load_spec(swept / "small.toml")
    data = bl.load_results(swept / "out.h5")
    assert data["margin"].values.tolist() == [-0.5, -0.5]
    point = data.isel(alpha=1, disorder=1)
    instance = draw(spec, (1,), 1).train
    assert instance.inputs.shape == (15, 15)
    loaded = {}
    for label, algorithm in spec.at((1,)).algorithms.items():
        cell = Cell((1,), 1, label)
        for k in range(3):
            seed = streams(spec, Task(TRAINING, cell, (k,)))["fit"].seed
            made = algorithm.fit(bl.spherical.Perceptron(15, -0.5), instance, seed)
            loaded[label, k] = bl.load_solution(swept / "out.h5", 1.0, label, disorder=1, solution=k)
            assert np.allclose(loaded[label, k].weights, made.weights, atol=1e-12)
            assert loaded[label, k].error(instance) == 0
    three = [loaded["Sampler", k] for k in range(3)]
    sampled = point.sel(algorithm="Sampler")
    assert np.array_equal(sampled["train_error"], np.zeros(3))
    shares = along(np.linspace(0, 1, 5))
    for pair, (start, end) in enumerate(zip(data["start"].values, data["end"].values, strict=True)):
        two = [three[start], three[end]]
        found = sampled.isel(pair=pair)
        assert float(found["geodesic_overlap"]) == pytest.approx(two[0].weights @ two[1].weights / 15)
        assert np.array_equal(found["geodesic_energy"], bl.spherical.energies(instance, two, shares, -0.5))
        assert float(found["geodesic_threshold"]) == -0.5
    energies = bl.spherical.energies(instance, three, triangle(4), -0.4)
    assert np.array_equal(sampled["simplex_energy"].values.reshape(-1), energies)


def test_figures_show_simulation_and_theory(swept):
    results = read(swept / "out.h5")
    assert next(GEODESIC.figures(results))[0] == "_geodesic_alpha_0.5"
    assert next(SIMPLEX.figures(results))[0] == "_simplex_alpha_0.5"
    point = {"alpha": 1.0}
    curves = [len(geodesics(results, point, theory).panels[0].curves) for theory in (True, False)]
    assert curves == [3, 2]
    triangles = [len(simplices(results, point, theory).panels) for theory in (True, False)]
    assert triangles == [3, 2]
    for panel_of, expected in ((overlaps, bl.spherical.overlap), (midpoints, midpoint)):
        panel = panel_of(results)
        curve = panel.curves[-1]
        assert curve.x.tolist() == [0.5, 1.0]
        assert curve.y[1] == pytest.approx(expected(1.0, -0.5))
        assert len(panel_of(results, theory=False).curves) == len(panel.curves) - 1


def midpoint(alpha, kappa):
    return 100 * bl.spherical.energy(alpha, kappa, [1, 1])


def test_a_triangle_and_the_mean_over_orders_of_its_corners():
    assert triangle(2).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert [side_of(len(triangle(points))) for points in range(2, 60)] == list(range(2, 60))
    shares = triangle(5)
    even = np.sum(shares**2, axis=1)
    assert symmetric(even) == pytest.approx(even)
    assert symmetric(shares[:, 0]) == pytest.approx(np.full(len(shares), 1 / 3))


def test_labels_of_other_problems_are_absorbed(tmp_path):
    text = TEXT.replace('"gaussian"', '"random-labels"').replace("solutions = 3", "solutions = 2")
    (tmp_path / "signs.toml").write_text(text.split("[measure.geodesic]")[0])
    spec = load_spec(tmp_path / "signs.toml")
    problem = draw(spec, (1,), 0)
    drawn = spec.problem.train(spec.at((1,)).data, problem._seed)
    assert np.array_equal(problem.train.inputs, drawn.inputs * drawn.labels[:, None])
    assert problem.train.labels.tolist() == [1] * 15


def test_the_experiment_has_a_smoke_profile():
    spec = load_spec(CONFIG, "smoke")
    assert {"geodesic", "simplex"} <= {*spec.measures}
    assert load_spec(CONFIG).at((0,)).inputs.shape == (200,)


def test_what_does_not_fit_is_refused_in_one_line(tmp_path):
    (tmp_path / "bad.toml").write_text(TEXT.replace("kappa = -0.5", "kappa = 7.0"))
    with pytest.raises(InvalidInputError, match=r"model\.kappa = 7\.0"):
        load_spec(tmp_path / "bad.toml")
