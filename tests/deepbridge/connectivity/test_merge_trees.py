"""Merge trees, against flood fill, trees vertex by vertex, and surfaces whose saddles are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland.errors import InvalidInputError
from deepbridge.connectivity.merge_trees import merge_tree
from tests.deepbridge.connectivity.clouds import HEIGHTS, PLACES, mueller_brown, random_graph, tied
from tests.naive import merge_trees as naive

seeds = st.integers(0, 2**32)
shapes = st.sampled_from([(1,), (9,), (4, 6), (7, 1), (5, 5), (3, 3, 4), (2, 2, 2, 3)])


def as_dict(tree):
    """As the naive tree: {minimum: (saddle, absorber)}."""
    found = {}
    for m, s, a in zip(tree.minima.tolist(), tree.saddles.tolist(), tree.absorbers.tolist(), strict=True):
        found[m] = (None, None) if a < 0 else (s, int(tree.minima[a]))
    return found


def check(tree, values, neighbours):
    """Everything that a tree says, against the naive twins."""
    values = values.ravel()
    assert as_dict(tree) == naive.tree(values.tolist(), neighbours)
    assert (tree.values == values[tree.minima]).all()
    assert (tree.saddle_values == np.append(values, np.inf)[tree.saddles]).all()
    assert tree.minima.tolist() == sorted(tree.minima.tolist(), key=lambda v: (values[v], v))
    for i, a in enumerate(tree.minima):
        for j, b in enumerate(tree.minima):
            passed = naive.barrier(values.tolist(), neighbours, a, b)
            assert tree.barrier(i, j) == tree.barriers[i, j] == passed
    assert tree.largest == values.max()


@given(seeds, shapes)
def test_grids_of_any_dimension(seed, shape):
    values = tied(np.random.default_rng(seed), shape)
    tree = merge_tree(values)
    assert tree.shape == shape
    check(tree, values, naive.grid_neighbours(shape))


@given(seeds, st.sampled_from([(4, 6), (1, 5), (6, 5)]))
def test_grids_with_diagonals(seed, shape):
    values = tied(np.random.default_rng(seed), shape)
    check(merge_tree(values, diagonals=True), values, naive.grid_neighbours(shape, diagonals=True))


@given(seeds, st.integers(1, 16), st.floats(0, 0.6))
def test_graphs_of_one_part_or_several(seed, n, density):
    rng = np.random.default_rng(seed)
    values, edges = tied(rng, n), random_graph(rng, n, density)
    check(merge_tree(values, edges), values, naive.graph_neighbours(n, edges.tolist()))


@given(seeds, st.floats(0, 2))
def test_simplified_trees_keep_deep_minima_and_the_passes_between_them(seed, threshold):
    tree = merge_tree(tied(np.random.default_rng(seed), (8, 8), 9))
    less = tree.simplified(threshold)
    deep = np.flatnonzero(tree.persistences >= threshold)
    assert (less.minima == tree.minima[deep]).all()
    assert (less.barriers == tree.barriers[np.ix_(deep, deep)]).all()
    assert (less.diagram == tree.diagram[deep]).all()
    assert less.absorbers.tolist() == [-1 if a < 0 else deep.tolist().index(a) for a in tree.absorbers[deep]]


@given(seeds, st.integers(1, 16), st.floats(0, 0.4))
def test_branches_do_not_cross(seed, n, density):
    """No horizontal line meets a vertical one between its ends."""
    rng = np.random.default_rng(seed)
    tree = merge_tree(tied(rng, n), random_graph(rng, n, density))
    x, bottom, top, end = tree.branches
    assert sorted(x.tolist()) == [*range(tree.n_minima)]
    assert (bottom == tree.values).all()
    assert x[0] == 0
    for i in range(tree.n_minima):
        if tree.absorbers[i] < 0:
            assert (end[i], top[i]) == (x[i], tree.largest)
            continue
        assert end[i] == x[tree.absorbers[i]]
        assert top[i] == tree.saddle_values[i] <= top[tree.absorbers[i]]
        for j in range(tree.n_minima):
            if min(x[i], end[i]) < x[j] < max(x[i], end[i]):
                assert top[j] <= top[i]


def test_equal_values_count_by_index():
    tree = merge_tree([0.0, 1.0, 0.0, 2.0, 0.0])
    assert tree.minima.tolist() == [0, 2, 4]
    assert (tree.saddles.tolist(), tree.absorbers.tolist()) == ([-1, 1, 3], [-1, 0, 0])
    assert merge_tree(np.zeros((5, 5))).minima.tolist() == [0]
    plain = np.array([[0.0, 2, 1, 1], [2, 2, 1, 9], [1, 1, 1, 9]])  # one minimum beside a plain in the shape of an L
    assert merge_tree(plain).minima.tolist() == [0, 2]


def test_one_saddle_between_three_basins():
    tree = merge_tree([0.0, 1.0, 2.0, 5.0], [[0, 3], [1, 3], [2, 3]])
    assert tree.saddles.tolist() == [-1, 3, 3]
    assert tree.absorbers.tolist() == [-1, 0, 0]
    assert (tree.barriers[~np.eye(3, dtype=bool)] == 5).all()


def test_a_double_well():
    """f = (x^2 - 1)^2 + y^2 has minima of height 0 at x = -1 and 1, and a saddle of height 1 at the origin."""
    x = np.linspace(-2, 2, 201)
    tree = merge_tree((x**2 - 1) ** 2 + x[:, None] ** 2)
    assert tree.n_minima == 2
    assert np.allclose(tree.values, 0, atol=1e-12)
    assert tree.barrier(0, 1) == pytest.approx(1, abs=1e-12)
    rows, columns = np.unravel_index([*tree.minima, tree.saddles[1]], tree.shape)
    assert np.allclose(x[rows], 0, atol=1e-12)
    assert np.allclose(x[columns], [-1, 1, 0], atol=1e-12)


def test_the_surface_of_mueller_and_brown():
    """Three minima and two saddles; on a grid of step h, heights are off by at most h^2 times a curvature of 10^4."""
    h = 0.005
    x, y = np.arange(-1.5, 1.2, h), np.arange(-0.2, 2.0, h)
    for diagonals in (False, True):
        tree = merge_tree(mueller_brown(x, y[:, None]), diagonals=diagonals).simplified(1.0)
        assert tree.n_minima == 3
        assert tree.absorbers.tolist() == [-1, 0, 1]
        vertices = {"A": tree.minima[0], "B": tree.minima[1], "C": tree.minima[2]}
        vertices |= {"AC": tree.saddles[1], "BC": tree.saddles[2]}
        for name, vertex in vertices.items():
            row, column = np.unravel_index(vertex, tree.shape)
            assert np.hypot(x[column] - PLACES[name][0], y[row] - PLACES[name][1]) < 4 * h
            assert mueller_brown(x[column], y[row]) == pytest.approx(HEIGHTS[name], abs=1e4 * h**2)
        assert tree.barrier(0, 1) == tree.barrier(0, 2) == tree.saddle_values[1]
        assert tree.barrier(1, 2) == tree.saddle_values[2]


def test_a_large_noisy_surface_is_consistent():
    values = np.random.default_rng(0).standard_normal((300, 300))
    tree = merge_tree(values)
    inner = np.pad(values, 1, constant_values=np.inf)
    around = [inner[1:-1, :-2], inner[1:-1, 2:], inner[:-2, 1:-1], inner[2:, 1:-1]]
    assert sorted(tree.minima) == np.flatnonzero((values < np.min(around, axis=0)).ravel()).tolist()
    assert (tree.persistences > 0).all()
    assert (tree.absorbers < np.arange(tree.n_minima)).all()
    assert (tree.saddle_values[1:] <= tree.saddle_values[tree.absorbers[1:]]).all()


def test_it_shows_itself():
    assert repr(merge_tree([3.0, 0.0, 2.0, 1.0])) == (
        "MergeTree(n_minima=2, values=[0, 1], saddle_values=[inf, 2], absorbers=[-1, 0])"
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: merge_tree([]), "values of shape (0,) are not an array of at least one number"),
        (lambda: merge_tree(3.0), "values of shape () are not an array of at least one number"),
        (lambda: merge_tree(["a"]), "values=['a'] is not an array of numbers"),
        (lambda: merge_tree([[1.0, np.nan]]), "value [0, 1] is nan; leave it out or replace it by a finite number"),
        (lambda: merge_tree([np.inf]), "value [0] is inf"),
        (
            lambda: merge_tree(np.zeros((2, 2)), [[0, 1]]),
            "values of shape (2, 2) are not a 1-dimensional array of at least one number",
        ),
        (lambda: merge_tree([1.0], [[0, 1]]), "edges have a vertex 1; there are values for vertices 0 to 0"),
        (lambda: merge_tree([1.0, 2.0], [[-1, 1]]), "edges have a vertex -1"),
        (lambda: merge_tree([1.0, 2.0], [[0.0, 1.0]]), "are not pairs of integers"),
        (lambda: merge_tree([1.0, 2.0], [0, 1]), "are not pairs of integers"),
        (lambda: merge_tree([1.0, 2.0], [[0, 1], [2]]), "are not pairs of integers"),
        (lambda: merge_tree([1.0, 2.0], [[1, 1]]), "edges join a vertex with itself"),
        (lambda: merge_tree([1.0], diagonals=True), "diagonals=True needs a grid with two axes"),
        (lambda: merge_tree([1.0, 2.0], [[0, 1]], diagonals=True), "diagonals=True needs a grid with two axes"),
        (lambda: merge_tree([[1.0]], diagonals=1), "diagonals=1 is not true or false"),
        (lambda: merge_tree([1.0]).barrier(0, 1), "j=1 is none of the 1 minima, counted from 0"),
        (lambda: merge_tree([1.0]).barrier(-1, 0), "i=-1 is none of the 1 minima"),
        (lambda: merge_tree([1.0]).barrier(0.0, 0), "i=0.0 is none of the 1 minima"),
        (lambda: merge_tree([1.0]).simplified(-1), "threshold=-1 is not a number from 0 to inf"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
