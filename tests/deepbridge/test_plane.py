import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deepbridge as db
from binland.errors import InvalidInputError
from tests.deepbridge.problems import naive_errors, networks, perceptrons


@settings(max_examples=25)
@given(networks, st.integers(2, 5), st.sampled_from([0.0, 0.3]))
def test_every_point_of_the_plane_is_the_binarised_network_there(problem, points, margin):
    solutions = [problem.solution(latents=True) for _ in range(3)]
    if problem.network.n_weights < 3:
        return
    found = db.plane(*solutions, problem.data, points, margin)
    assert found.errors.shape == (points, points)
    latents = [np.concatenate([layer.reshape(-1) for layer in s.latents]).astype(np.float64) for s in solutions]
    frame = np.linalg.lstsq(found.corners[1:], np.stack(latents[1:]) - latents[0], rcond=None)[0]
    assert np.allclose(frame @ frame.T, np.eye(2))  # orthonormal, and the corners are the solutions
    for j, y in enumerate(found.y):
        for i, x in enumerate(found.x):
            here = latents[0] + x * frame[0] + y * frame[1]
            if np.abs(here).min() < 1e-9:
                continue  # a corner's weight that is 0 to rounding
            weights = problem.network.split(np.where(here >= 0, 1, -1))
            assert found.errors[j, i] == naive_errors(db.Solution(problem.network, weights), problem.data) / len(
                problem.data.labels
            )


@given(networks)
def test_corners_have_the_errors_of_the_solutions_aligned_or_not(problem):
    solutions = [problem.solution(latents=True) for _ in range(3)]
    if problem.network.n_weights < 3:
        return
    aligned = [solutions[0], *(db.align(s, to=solutions[0]).solution for s in solutions[1:])]
    for three in (solutions, aligned):
        found = db.plane(*three, problem.data, 2, 0.1)
        assert np.array_equal(found.corner_errors, [s.error(problem.data) for s in three])
        assert found.corners[0].tolist() == [0, 0]
        assert found.corners[1][1] == 0
        assert found.corners[2][1] > 0
        assert found.x[0] < 0 < found.x[-1]


@given(perceptrons(max_layers=1))
def test_planes_need_three_solutions_with_latents(problem):
    a, b = problem.solution(latents=True), problem.solution(latents=True)
    with pytest.raises(InvalidInputError, match="span no plane"):
        db.plane(a, b, b, problem.data, 2)
    with pytest.raises(InvalidInputError, match="span no plane"):
        db.plane(a, a, b, problem.data, 2)
    with pytest.raises(InvalidInputError, match="no latents"):
        db.plane(a, b, problem.solution(), problem.data, 2)
