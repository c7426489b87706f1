"""Graphs of neighbours, against loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland.errors import InvalidInputError
from deepbridge.connectivity.graphs import nearest_neighbour_graph
from tests.naive import neighbours as naive

seeds = st.integers(0, 2**32)


@pytest.mark.parametrize("farthest", [False, True])
@given(seeds, st.integers(2, 15), st.integers(1, 14), st.booleans())
def test_edges_against_loops(farthest, seed, n, k, ties):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(4, size=(n, n)) if ties else rng.standard_normal((n, n))
    k = min(k, n - 1)
    found = nearest_neighbour_graph(matrix, k, farthest)
    assert found.dtype == np.int64
    assert [*map(tuple, found.tolist())] == naive.neighbour_edges(matrix.tolist(), k, farthest)


@given(seeds, st.integers(2, 15))
def test_everybody_has_at_least_k_neighbours_and_at_most_all(seed, n):
    rng = np.random.default_rng(seed)
    for k in range(1, n):
        edges = nearest_neighbour_graph(rng.random((n, n)), k)
        assert np.bincount(edges.ravel(), minlength=n).min() >= k
        assert n * k / 2 <= len(edges) <= n * k
    assert len(edges) == n * (n - 1) / 2


def test_a_line_and_its_farthest_points():
    line = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    assert nearest_neighbour_graph(line, 1).tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert nearest_neighbour_graph(line, 1, farthest=True).tolist() == [[0, 2], [0, 3], [0, 4], [1, 4]]


def test_farthest_is_what_the_published_line_chooses():
    """numpy.argsort(line)[-1 : -(1 + k) : -1] for each row of the potential, where no two numbers are equal."""
    matrix, k = np.random.default_rng(0).random((30, 30)), 4
    np.fill_diagonal(matrix, -1)
    pairs = [(i, j) for i, line in enumerate(matrix) for j in np.argsort(line)[-1 : -(1 + k) : -1]]
    wanted = sorted({tuple(sorted((i, int(j)))) for i, j in pairs})
    assert [*map(tuple, nearest_neighbour_graph(matrix, k, farthest=True).tolist())] == wanted


def test_distances_are_not_changed():
    matrix = np.random.default_rng(0).random((5, 5))
    before = matrix.copy()
    nearest_neighbour_graph(matrix, 2)
    nearest_neighbour_graph(matrix, 2, farthest=True)
    assert (matrix == before).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((3, 3)), 3), "k=3 of 3 points: each has 2 others; take k from 1 to 2"),
        ((np.zeros((3, 3)), 0), "k=0 is not an integer of at least 1"),
        ((np.zeros((3, 3)), 1, "yes"), "farthest='yes' is not true or false"),
        ((np.zeros((3, 2)), 1), "distances of shape (3, 2) are not a matrix (n, n)"),
        ((np.full((3, 3), np.nan), 1), "distances are not all finite"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(InvalidInputError) as caught:
        nearest_neighbour_graph(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
