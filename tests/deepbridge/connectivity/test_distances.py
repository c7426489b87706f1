"""Matrices of distances, against exact fractions, scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import cosine_distances

from binland.errors import InvalidInputError
from deepbridge.connectivity import distances as module
from deepbridge.connectivity.distances import as_distances, distance_matrix
from tests.naive import neighbours as naive

METRICS = ("cosine", "euclidean")
seeds = st.integers(0, 2**32)


def clusters(seed, n, d, width, dtype=np.float64):
    """Points around three centres, the last one three times."""
    rng = np.random.default_rng(seed)
    points = (3 + rng.standard_normal((3, d)))[rng.integers(3, size=n)] + width * rng.standard_normal((n, d))
    return np.concatenate([points, points[-1:], points[-1:]]).astype(dtype)


def exactly(points, metric):
    return np.array([[getattr(naive, metric)(a, b) for b in points] for a in points])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", METRICS)
@given(seeds, st.integers(1, 8), st.integers(2, 12), st.sampled_from([1e-12, 1e-8, 1e-5, 1e-2, 1.0]))
def test_every_digit_that_is_promised(metric, dtype, seed, n, d, width):
    points = clusters(seed, n, d, width, dtype)
    found, exact = distance_matrix(points, metric), exactly(points, metric)
    rounding = 1e-15 * np.sqrt(exact) + 1e-30 if metric == "cosine" else 0
    assert (np.abs(found - exact) <= 1e-9 * exact + rounding).all()


@pytest.mark.parametrize("metric", METRICS)
@given(seeds, st.integers(1, 20), st.integers(1, 40), st.integers(1, 300))
def test_blocks_of_any_width_give_the_same(metric, seed, n, d, block):
    points = clusters(seed, n, d, 0.01)
    whole = distance_matrix(points, metric)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        assert np.allclose(distance_matrix(points, metric), whole, rtol=1e-9, atol=1e-30)


@pytest.mark.parametrize("width", [1e-9, 1e-3, 1.0])
def test_many_dimensions_against_scipy_and_scikit_learn(width):
    points = clusters(0, 40, 30_000, width)
    found = distance_matrix(points, "euclidean")
    assert np.allclose(found, cdist(points, points), rtol=1e-9, atol=0)
    assert np.allclose(distance_matrix(points), cosine_distances(points), rtol=0, atol=1e-14)


@given(seeds, st.sampled_from([1e-9, 1e-6, 1e-3]), st.booleans())
def test_clusters_of_clusters_and_chains(seed, width, chain):
    """Points whose distances span many orders of magnitude, with groups that part at some mean or at none."""
    rng = np.random.default_rng(seed)
    parts = [rng.integers(2, size=(24, 1)) * width**k * rng.standard_normal(5) for k in range(3)]
    points = np.linspace(0, 1, 800)[:, None] * rng.standard_normal(5) if chain else np.sum(parts, axis=0)
    points[:3] += width**2 * rng.standard_normal((3, 5))
    assert np.allclose(distance_matrix(points, "euclidean"), cdist(points, points), rtol=1e-9, atol=0)


def test_a_circle_of_near_points():
    """All around, neighbours are too near for products around the mean, and no other mean would part them."""
    angles = np.linspace(0, 2 * np.pi, 1500)
    points = np.stack([np.cos(angles), np.sin(angles), 5 + 0 * angles], axis=1)
    assert len(module._groups(distance_matrix(points, "euclidean") ** 2 <= 2 * module.NEAR)) == 1
    assert np.allclose(distance_matrix(points, "euclidean"), cdist(points, points), rtol=1e-9, atol=0)


def test_neighbours_far_from_the_origin_keep_their_digits():
    """Where |a|^2 + |b|^2 - 2 a b would be rounding alone."""
    rng = np.random.default_rng(0)
    points = 1e6 + 1e-3 * rng.standard_normal((20, 50))
    assert np.allclose(distance_matrix(points, "euclidean"), cdist(points, points), rtol=1e-9, atol=0)


@pytest.mark.parametrize("metric", METRICS)
@given(seeds, st.integers(1, 20), st.integers(1, 9))
def test_symmetric_not_negative_and_zero_for_equal_points(metric, seed, n, d):
    points = clusters(seed, n, d, 1.0)
    found = distance_matrix(points, metric)
    assert found.dtype == np.float64
    assert (found == found.T).all()
    assert (found >= 0).all()
    assert (found.diagonal() == 0).all()
    assert (found[-3:, -3:] == 0).all()
    assert metric == "euclidean" or (found <= 2).all()


def test_known_distances():
    points = [[1, 0], [0, 2], [-3, 0], [4, 4]]
    half = 1 - np.sqrt(0.5)
    cosines = [[0, 1, 2, half], [1, 0, 1, half], [2, 1, 0, 2 - half], [half, half, 2 - half, 0]]
    assert np.allclose(distance_matrix(points), cosines, atol=1e-15)
    assert distance_matrix([[3, 4], [0, 0]], "euclidean").tolist() == [[0, 5], [5, 0]]
    assert distance_matrix([[7.0]]).tolist() == [[0]]


def test_lengths_do_not_matter_for_angles():
    points = clusters(0, 20, 7, 1.0)
    factors = 10.0 ** np.random.default_rng(0).integers(-9, 9, size=(len(points), 1))
    assert np.allclose(distance_matrix(points), distance_matrix(factors * points), rtol=1e-9, atol=1e-30)


def test_points_are_not_changed():
    points = clusters(0, 5, 4, 1.0)
    before = points.copy()
    for metric in METRICS:
        distance_matrix(points, metric)
    assert (points == before).all()


def test_distances_with_rounding_are_cleared_of_it():
    given_ = np.array([[1e-17, 1.0], [1.0 + 1e-12, -1e-17]])
    clear = as_distances(given_)
    assert (clear == clear.T).all()
    assert clear.diagonal().tolist() == [0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distance_matrix([[1.0]], "manhattan"), "metric='manhattan' is not one of 'cosine', 'euclidean'"),
        (lambda: distance_matrix([1.0, 2.0]), "of shape (2,) are not an array (n, d), a point a row"),
        (lambda: distance_matrix([[]]), "are not an array (n, d), a point a row"),
        (lambda: distance_matrix([["a"]]), "points=[['a']] is not an array of numbers"),
        (lambda: distance_matrix([[1.0], [np.nan]]), "point 1 is nan or longer than 1e150"),
        (lambda: distance_matrix([[np.inf], [1.0]], "euclidean"), "point 0 is nan or longer than 1e150"),
        (lambda: distance_matrix([[1e200], [1.0]], "euclidean"), "point 0 is nan or longer than 1e150"),
        (lambda: distance_matrix([[1.0, 1.0], [0.0, 0.0]]), "point 1 is zero and has no angle; leave it out or try"),
        (lambda: as_distances([[0.0, 1.0]]), "distances of shape (1, 2) are not a matrix (n, n)"),
        (lambda: as_distances([[0.0]]), "of at least two points"),
        (lambda: as_distances([[0.0, 1.0], [2.0, 0.0]]), "distances are not symmetric"),
        (lambda: as_distances([[0.0, -1.0], [-1.0, 0.0]]), "distances are negative"),
        (lambda: as_distances([[1.0, 0.5], [0.5, 1.0]]), "not 0 from a point to itself"),
        (lambda: as_distances([[0.0, np.nan], [np.nan, 0.0]]), "distances are not all finite"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
