import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
from binland.errors import InvalidInputError
from binland.geometry import barycentric, gram_schmidt
from binland.sweep.load import load_problem
from tests.naive import machine as naive
from tests.problems import problems
from tests.sweep import small


def with_latents(problem, zeros=0.0):
    """zeros: share of the latents that are 0, half of them -0."""
    drawn = problem.rng.uniform(-1, 1, problem.machine.weight_shape).astype(np.float32)
    drawn[problem.rng.random(drawn.shape) < zeros] *= 0
    return bl.Solution(problem.machine, np.where(drawn >= 0, 1, -1), drawn)


@settings(max_examples=60)
@given(problems(), st.integers(2, 6), st.sampled_from([0.0, 0.2, 3.0]), st.sampled_from([0.0, 0.2]))
def test_every_point_is_the_machine_of_the_signs_there(problem, points, margin, zeros):
    three = [with_latents(problem, zeros) for _ in range(3)]
    if problem.machine.n_weights < 3 or (zeros and problem.machine.n_weights < 40):
        return
    found = bl.plane(*three, problem.patterns, points, margin)
    latents = [one.latents.reshape(one.units.shape) for one in three]
    inputs, labels = problem.patterns.inputs, problem.patterns.labels
    errors, x, y, corners = naive.plane(latents, problem.outputs, inputs, labels, points, margin)
    assert found.errors.shape == (points, points)
    known = errors >= 0
    assert np.array_equal((found.errors * len(labels)).round()[known], errors[known])
    assert zeros or known.mean() > 0.5
    for here, there in ((found.x, x), (found.y, y), (found.corners, corners)):
        assert np.allclose(here, there, atol=1e-9)


@given(problems(), st.sampled_from([0.0, 0.5]))
def test_corners_have_exactly_the_errors_of_the_solutions_aligned_or_not(problem, zeros):
    three = [with_latents(problem) for _ in range(2)] + [with_latents(problem, zeros)]
    if problem.machine.n_weights < 3:
        return
    for solutions in (three, [three[0], *(bl.align(one, to=three[0]).solution for one in three[1:])]):
        found = bl.plane(*solutions, problem.patterns, 2, 0.1)
        assert np.array_equal(found.corner_errors, [one.error(problem.patterns) for one in solutions])
        assert found.corners[0].tolist() == [0, 0]
        assert found.corners[1][1] == 0
        assert found.corners[2][1] > 0
        assert found.x[0] < 0 < found.x[-1]
        without = bl.plane(*solutions, problem.patterns, 2, 0)
        if found.corners[2][0] >= 0:  # the first solution is a point of the grid
            assert without.errors[0, 0] == found.corner_errors[0]


def test_a_plane_of_trained_solutions_is_low_at_its_corners():
    patterns = bl.HiddenManifold(301, 101, seed=0).sample(200, seed=0)
    three = [bl.fit(bl.CommitteeMachine(301, 5), patterns, bl.SGD(epochs=40), seed) for seed in range(3)]
    found = bl.plane(*three, patterns, 21)
    assert found.corner_errors.max() < 0.02 < found.errors.max()
    for (a, b), error in zip(found.corners, found.corner_errors, strict=True):
        nearest = found.errors[np.abs(found.y - b).argmin(), np.abs(found.x - a).argmin()]
        assert abs(nearest - error) < 0.1
    assert isinstance(found, bl.Plane)
    again = bl.plane(*three, patterns, 21)
    assert np.array_equal(found.errors, again.errors)


def test_planes_need_three_solutions_with_latents_of_one_machine():
    patterns = bl.Patterns.random(9, 21, seed=0)
    machine = bl.CommitteeMachine(21, 3)
    a, b, c = (bl.fit(machine, patterns, bl.SGD(epochs=1), seed) for seed in range(3))
    middle = (a.latents + b.latents) / 2
    between = bl.Solution(machine, np.where(middle >= 0, 1, -1), middle)
    for three in ((a, b, b), (a, a, b), (b, a, b), (a, b, between), (a, between, b)):
        with pytest.raises(InvalidInputError, match="lie on one line and span no plane; take three different ones"):
            bl.plane(*three, patterns)
    with pytest.raises(InvalidInputError, match="has no latents, which span the plane; keep those of `fit`"):
        bl.plane(a, b, bl.Solution(machine, c.weights), patterns)
    other = bl.fit(bl.CommitteeMachine(21, 5), patterns, bl.SGD(epochs=1), 0)
    with pytest.raises(InvalidInputError, match="solutions of different machines"):
        bl.plane(a, b, other, patterns)
    with pytest.raises(InvalidInputError, match="NoneType given where a binland"):
        bl.plane(a, b, None, patterns)
    with pytest.raises(InvalidInputError, match="21 inputs but the patterns have 5"):
        bl.plane(a, b, c, bl.Patterns.random(9, 5, seed=0))
    for points in (1, 0, 2.5, None):
        with pytest.raises(InvalidInputError, match=r"points=.* is not an integer of at least 2"):
            bl.plane(a, b, c, patterns, points)
    with pytest.raises(InvalidInputError, match="a plane of 2000000000 x 2000000000 points would take"):
        bl.plane(a, b, c, patterns, 2 * 10**9)
    for margin in (-0.1, float("nan"), float("inf"), "x"):
        with pytest.raises(InvalidInputError, match=r"margin=.* is not a number"):
            bl.plane(a, b, c, patterns, margin=margin)


@given(st.integers(2, 30), st.integers(0, 2**32))
def test_coordinates_in_a_plane(n, seed):
    rng = np.random.default_rng(seed)
    second, third = rng.normal(size=(2, n))
    corners, axes = gram_schmidt(second, third)
    assert np.allclose(axes @ axes.T, np.eye(2))
    assert np.allclose(corners @ axes, [np.zeros(n), second, third])
    places = rng.normal(size=(5, 2))
    shares = barycentric(corners, places)
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.allclose(shares @ corners, places)
    assert np.allclose(barycentric(corners, corners), np.eye(3))


@pytest.mark.parametrize("model", [{}, {"kind": "perceptron", "n_hidden": None}])
def test_a_sweep_holds_the_planes_of_its_solutions(tmp_path, model):
    settings = small.settings(grid={"n_inputs": [21], "disorder_samples": 1, "solutions": 3})
    settings["model"] = {key: value for key, value in {**settings["model"], **model}.items() if value is not None}
    settings["measure"]["plane"] = {"points": 4}
    path = tmp_path / "planes.h5"
    bl.run_sweep(settings, path)
    data = bl.load_results(path)
    three = [bl.load_solution(path, n_inputs=21, algorithm="SGD", solution=k) for k in range(3)]
    train = load_problem(path, n_inputs=21).train
    aligned = [three[0], *(bl.align(one, to=three[0]).solution for one in three[1:])]
    for state, solutions in (("raw", three), ("aligned", aligned)):
        found, expected = data.sel(n_inputs=21, symmetry=state, algorithm="SGD"), bl.plane(*solutions, train, 4)
        for name, values in (("error", "errors"), ("corner", "corners"), ("x", "x"), ("y", "y")):
            assert np.array_equal(found[f"plane_{name}"].squeeze(), getattr(expected, values)), name
