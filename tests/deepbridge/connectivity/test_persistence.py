"""Persistence of graphs and surfaces, against Betti numbers, boundary matrices, merge trees and known shapes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland.errors import InvalidInputError
from deepbridge.connectivity.graphs import nearest_neighbour_graph
from deepbridge.connectivity.merge_trees import merge_tree
from deepbridge.connectivity.persistence import Persistence, graph_persistence, surface_persistence
from tests.deepbridge.connectivity.clouds import cloud, random_graph, tied
from tests.hiding import python
from tests.naive import persistence as naive

pytest.importorskip("gudhi")
seeds = st.integers(0, 2**32)
shapes = st.sampled_from([(1, 1), (1, 6), (6, 1), (2, 2), (3, 4), (5, 5), (4, 7)])


def listed(persistence, dimension):
    return sorted(map(tuple, persistence.diagram(dimension).tolist()))


def problem(seed, n, density):
    rng = np.random.default_rng(seed)
    return tied(rng, n), random_graph(rng, n, density)


@pytest.mark.parametrize("triangles", [False, True])
@given(seeds, st.integers(1, 10), st.floats(0, 1))
def test_graphs_against_the_reduction_of_boundary_matrices(triangles, seed, n, density):
    values, edges = problem(seed, n, density)
    exact = naive.graph_pairs(values, edges.tolist(), triangles)
    for keep in (False, True):
        found = graph_persistence(values, edges, triangles, keep=keep)
        for dimension in (0, 1):
            pairs = exact.get(dimension, [])
            assert listed(found, dimension) == (pairs if keep else naive.lasting(pairs))


@pytest.mark.parametrize("triangles", [False, True])
@given(seeds, st.integers(1, 10), st.floats(0, 1))
def test_graphs_have_the_right_betti_numbers_at_every_level(triangles, seed, n, density):
    values, edges = problem(seed, n, density)
    found = graph_persistence(values, edges, triangles)
    for level in (*values, values.min() - 1, values.max() + 1):
        counted = tuple(naive.counted(found.diagram(dimension), level) for dimension in (0, 1))
        assert counted == naive.betti(values, edges.tolist(), level, triangles)


@given(seeds, st.integers(1, 12), st.floats(0, 1))
def test_kept_pairs_are_one_for_each_vertex_and_each_independent_loop(seed, n, density):
    values, edges = problem(seed, n, density)
    found = graph_persistence(values, edges, keep=True)
    components, loops = naive.betti(values, edges.tolist(), np.inf)
    assert (found.n_components, found.n_loops) == (n, loops)
    assert sorted(found.pairs[0][:, 0].tolist()) == [*range(n)]
    assert (found.pairs[0][:, 1] < 0).sum() == components


@given(seeds, st.integers(1, 16), st.floats(0, 0.6))
def test_components_are_those_of_the_merge_tree(seed, n, density):
    values, edges = problem(seed, n, density)
    found, tree = graph_persistence(values, edges), merge_tree(values, edges)
    assert (found.pairs[0] == np.stack([tree.minima, tree.saddles], axis=1)).all()
    assert (found.diagram(0) == tree.diagram).all()


@given(seeds, st.integers(2, 9))
def test_a_complete_graph_with_triangles_has_no_loop(seed, n):
    values, edges = problem(seed, n, 1.1)
    assert len(edges) == n * (n - 1) / 2
    assert graph_persistence(values, edges, triangles=True).n_loops == 0
    assert graph_persistence(values, edges).n_loops == (n - 1) * (n - 2) / 2


def test_a_square_with_and_without_a_diagonal():
    """A loop of four vertices stays; with one diagonal it is two triangles."""
    values, square = [0.0, 1.0, 2.0, 3.0], [[0, 1], [1, 2], [2, 3], [3, 0]]
    for triangles in (False, True):
        assert listed(graph_persistence(values, square, triangles), 1) == [(3, math.inf)]
    both = [*square, [0, 2]]
    assert listed(graph_persistence(values, both), 1) == [(2, math.inf), (3, math.inf)]
    assert listed(graph_persistence(values, both, triangles=True), 1) == []


def test_a_loop_vanishes_when_triangles_cover_it():
    """A square of low values around a high centre that is joined with all four."""
    values = [0.0, 1.0, 2.0, 3.0, 7.0]
    wheel = [[0, 1], [1, 2], [2, 3], [3, 0], *([k, 4] for k in range(4))]
    found = graph_persistence(values, wheel, triangles=True)
    assert listed(found, 1) == [(3, 7)]
    assert found.pairs[1].tolist() == [[3, 4]]


def test_repeated_and_reversed_edges_count_once():
    values = [0.0, 2.0, 1.0]
    found = graph_persistence(values, [[0, 1], [1, 0], [0, 1], [2, 1]])
    assert listed(found, 0) == [(0, math.inf), (1, 2)]
    assert found.n_loops == 0


def test_a_graph_without_edges():
    found = graph_persistence([2.0, 1.0], [])
    assert found.pairs[0].tolist() == [[1, -1], [0, -1]]
    assert found.diagram(1).shape == (0, 2)
    assert graph_persistence([2.0, 1.0], np.empty((0, 2), int), triangles=True).n_components == 2


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("diagonals", [False, True])
@given(seeds, shapes)
def test_surfaces_against_the_reduction_of_boundary_matrices(periodic, diagonals, seed, shape):
    values = tied(np.random.default_rng(seed), shape)
    if periodic and min(shape) < 3:
        return
    exact = naive.surface_pairs(values, periodic, diagonals)
    found = surface_persistence(values, periodic=periodic, diagonals=diagonals)
    for dimension in (0, 1):
        assert listed(found, dimension) == naive.lasting(exact.get(dimension, []))


@given(seeds, shapes, st.booleans())
def test_components_of_surfaces_are_those_of_the_merge_tree(seed, shape, diagonals):
    """Which says what neighbours are: 4 without, 8 with diagonals."""
    values = tied(np.random.default_rng(seed), shape)
    found, tree = surface_persistence(values, diagonals=diagonals), merge_tree(values, diagonals=diagonals)
    assert (found.pairs[0] == np.stack([tree.minima, tree.saddles], axis=1)).all()


@given(seeds, st.integers(3, 6), st.integers(3, 6))
def test_components_of_a_torus_are_those_of_its_graph(seed, ny, nx):
    values = tied(np.random.default_rng(seed), (ny, nx))
    index = np.arange(ny * nx).reshape(ny, nx)
    edges = np.concatenate([np.stack([index, np.roll(index, 1, axis)], -1).reshape(-1, 2) for axis in (0, 1)])
    tree = merge_tree(values.ravel(), edges)
    found = surface_persistence(values, periodic=True)
    assert (found.pairs[0] == np.stack([tree.minima, tree.saddles], axis=1)).all()
    assert np.isinf(found.diagram(1)[:, 1]).sum() == 2  # once around in either direction


def test_two_low_corners_touch_with_diagonals_only():
    values = [[0.0, 9.0], [9.0, 1.0]]
    assert listed(surface_persistence(values), 0) == [(0, math.inf), (1, 9)]
    assert listed(surface_persistence(values, diagonals=True), 0) == [(0, math.inf)]


def test_a_ring_around_a_hill_and_one_with_open_corners():
    ring = np.array([[0.0, 1, 0], [1, 9, 1], [0, 1, 0]])
    assert listed(surface_persistence(ring), 1) == [(1, 9)]
    diamond = np.array([[9.0, 1, 9], [1, 9, 1], [9, 1, 9]])
    assert listed(surface_persistence(diamond), 1) == []
    assert listed(surface_persistence(diamond, diagonals=True), 1) == [(1, 9)]


def test_turning_a_surface_upside_down_exchanges_components_and_loops():
    """Alexander duality on a disc: loops below a level are components above it, but for those that reach the rim."""
    values = np.random.default_rng(0).standard_normal((8, 9))
    padded = np.pad(values, 1, constant_values=-10.0)
    loops = surface_persistence(padded).diagram(1)
    components = surface_persistence(-padded, diagonals=True).diagram(0)
    inner = components[np.isfinite(components[:, 1])]
    deepest = [(-10.0, values.max())]  # the rim closes first and is filled last
    assert sorted(map(tuple, loops)) == sorted([*map(tuple, -inner[:, ::-1]), *deepest])


@given(seeds, st.integers(1, 10), st.floats(0, 1), st.sampled_from([0.5, 1.0, 2.0, 3.0]))
def test_total_persistence(seed, n, density, power):
    values, edges = problem(seed, n, density)
    found = graph_persistence(values, edges, triangles=True)
    diagrams = [found.diagram(dimension) for dimension in (0, 1)]
    for essential, end in (("largest", values.max()), ("drop", None)):
        for dimension in (0, 1):
            exact = naive.total([diagrams[dimension]], power, end)
            assert found.total(dimension, power, essential) == pytest.approx(exact, rel=1e-12, abs=1e-15)
        assert found.total(power=power, essential=essential) == pytest.approx(
            naive.total(diagrams, power, end), rel=1e-12
        )


def test_total_persistence_of_components_is_that_of_a_spanning_tree():
    """With power 1 a sum over edges of a minimum spanning tree minus one over vertices, however they are paired."""
    distances, values = cloud(0), np.random.default_rng(0).random(30)
    edges = nearest_neighbour_graph(distances, 29)
    found = graph_persistence(values, edges)
    heights = np.sort(values)
    assert found.total(0, power=1) == pytest.approx(heights[1:].sum() + heights[-1] - heights.sum())


@given(seeds, st.integers(1, 10), st.floats(0, 1), st.sampled_from([0.25, 2.0, 1024.0]), st.integers(-4, 4))
def test_levels_may_be_scaled_and_shifted(seed, n, density, factor, shift):
    values, edges = problem(seed, n, density)
    values = np.round(values * 64) / 64  # so that the sums are exact
    found, other = graph_persistence(values, edges, True), graph_persistence(factor * values + shift, edges, True)
    for dimension in (0, 1):
        assert (other.pairs[dimension] == found.pairs[dimension]).all()
    assert other.total() == pytest.approx(factor**2 * found.total())


def test_it_shows_itself():
    found = graph_persistence([0, 3, 1, 2], [[0, 1], [1, 2], [2, 3], [3, 0]])
    assert repr(found) == "Persistence(n_components=2, n_loops=1, largest=3)"


def test_without_gudhi_it_is_one_line():
    code = "from deepbridge.connectivity.persistence import *\n"
    for call, name in (("graph_persistence([1.0], [])", "graph"), ("surface_persistence([[1.0]])", "surface")):
        said = python({"gudhi"}, code + call).stderr.splitlines()[-1]
        needs = f"{name}_persistence needs gudhi: pip install '.[landscape]' in a clone of binland"
        assert said == f"ModuleNotFoundError: {needs}"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda one: graph_persistence([np.nan], []), "value [0] is nan; leave it out or replace it"),
        (lambda one: graph_persistence([[1.0]], []), "values of shape (1, 1) are not a 1-dimensional array"),
        (lambda one: graph_persistence([1.0], [[0, 0]]), "edges join a vertex with itself"),
        (lambda one: graph_persistence([1.0], [], "no"), "triangles='no' is not true or false"),
        (lambda one: graph_persistence([1.0], [], keep=2), "keep=2 is not true or false"),
        (lambda one: surface_persistence([1.0]), "values of shape (1,) are not a 2-dimensional array"),
        (lambda one: surface_persistence([[np.inf]]), "value [0, 0] is inf"),
        (
            lambda one: surface_persistence(np.ones((2, 5)), periodic=True),
            "of shape (2, 5) make no torus; give 3 points",
        ),
        (lambda one: surface_persistence([[1.0]], diagonals=0), "diagonals=0 is not true or false"),
        (lambda one: one.diagram(2), "dimension=2 is not 0 (components) or 1 (loops)"),
        (lambda one: one.diagram("0"), "dimension='0' is not 0"),
        (lambda one: one.diagram(np.zeros(2)), "dimension=ndarray of shape (2,) and type float64 is not 0"),
        (lambda one: one.total(True), "dimension=True is not 0"),
        (lambda one: one.total(power=0), "power=0 is not a number from"),
        (lambda one: one.total(essential="keep"), "essential='keep' is not one of 'largest', 'drop'"),
    ],
)
def test_refusals(call, message):
    empty = np.empty((0, 2), np.int64)
    with pytest.raises(InvalidInputError) as caught:
        call(Persistence(np.ones(1), (empty, empty)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
