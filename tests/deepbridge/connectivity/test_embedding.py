"""Diffusion potentials, against loops, and pictures: of points in the plane, of clusters, of duplicates."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from binland import extras
from binland.errors import InvalidInputError
from deepbridge.connectivity.diffusion import _knee, diffusion_potential
from deepbridge.connectivity.distances import distance_matrix
from deepbridge.connectivity.embedding import _classical, embed
from tests.deepbridge.connectivity.clouds import cloud
from tests.hiding import python
from tests.naive import neighbours as naive

ROOT = Path(__file__).parents[3]
seeds = st.integers(0, 2**32)


def with_duplicates(seed, n=12):
    """Distances of points on a coarse grid, many of them at the same place."""
    points = np.random.default_rng(seed).integers(3, size=(n, 2))
    return squareform(pdist(points))


def two_parts(gap, n=12):
    """Distances of two clouds of n points each."""
    points = np.random.default_rng(0).standard_normal((2 * n, 3))
    points[n:, 0] += gap
    return squareform(pdist(points))


def missed(places, distances):
    """What SMACOF lowers in every step; stress-1 divides it by the size of the picture."""
    return ((squareform(pdist(places)) - distances) ** 2).sum()


@given(seeds, st.integers(1, 7), st.sampled_from([0.5, 2.0, 40.0]), st.integers(1, 6), st.booleans())
def test_potentials_against_loops(seed, neighbours, decay, steps, duplicates):
    distances = with_duplicates(seed) if duplicates else cloud(seed, 12)
    found = diffusion_potential(distances, neighbours, decay, steps)
    assert found.steps == steps
    assert np.allclose(found.potential, naive.potential(distances, neighbours, decay, steps), rtol=1e-9, atol=1e-9)
    exact = naive.entropies(naive.walk(distances, neighbours, decay))
    assert np.allclose(found.entropies, exact, rtol=1e-6, atol=1e-6)  # of equal eigenvalues some digits are lost


@given(seeds, st.integers(2, 8))
def test_the_number_of_steps_is_at_the_knee(seed, neighbours):
    found = diffusion_potential(cloud(seed), neighbours)
    assert found.entropies.shape == (100,)
    assert found.steps == 1 + naive.knee(found.entropies)
    again = diffusion_potential(cloud(seed), neighbours, steps=found.steps)
    assert (again.potential == found.potential).all()


@pytest.mark.parametrize("place", [1, 2, 30, 97, 98])
def test_the_knee_of_two_lines_is_where_they_meet(place):
    x = np.arange(100)
    assert _knee(np.where(x < place, 5.0 - x / 7, 5.0 - place / 7 - (x - place) / 70)) == place


@given(seeds, st.floats(1e-6, 1e6))
def test_the_unit_of_distances_does_not_matter(seed, factor):
    one, other = diffusion_potential(cloud(seed)), diffusion_potential(factor * cloud(seed))
    assert one.steps == other.steps
    assert np.allclose(one.potential, other.potential, rtol=1e-6, atol=1e-9)


def test_entropies_fall_from_many_points_to_one_number_for_each_part():
    found = diffusion_potential(two_parts(1e6))
    assert (np.diff(found.entropies) <= 1e-12).all()
    late = diffusion_potential(two_parts(1e6), decay=1.0, steps=10**6)
    assert np.allclose(late.potential[:12, :12], late.potential[0, :12])  # it forgets where it began, but not the part
    assert np.allclose(late.potential[:12, 12:], -np.log(1e-7))


def test_points_with_many_duplicates_see_their_duplicates_only():
    distances = squareform(pdist([[0.0]] * 4 + [[1.0], [1.5], [2.5], [3.5]]))
    walk = np.exp(-diffusion_potential(distances, neighbours=3, decay=40, steps=1).potential) - 1e-7
    assert np.allclose(walk[:4, :4], walk[0, 0])
    assert (walk[4:, :4] > 0).any()  # others may reach them, and are reached in turn
    alone = np.exp(-diffusion_potential(squareform(pdist([[0.0]] * 4 + [[100.0]] * 4)), 3, steps=9).potential)
    assert np.allclose(alone - 1e-7, np.kron(np.eye(2), np.full((4, 4), 0.25)))


@given(seeds, st.integers(4, 25), st.integers(1, 3))
def test_points_of_few_dimensions_come_back(seed, n, dimensions):
    points = np.random.default_rng(seed).standard_normal((n, dimensions))
    picture = embed(squareform(pdist(points)), dimensions, "metric")
    assert picture.stress < 1e-5
    assert np.allclose(pdist(picture.coordinates), pdist(points), atol=1e-4)
    assert picture.potential is picture.steps is None


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@given(seeds, st.integers(1, 3))
def test_what_a_picture_says(metric, seed, dimensions):
    distances = cloud(seed)
    picture = embed(distances, dimensions, metric=metric, neighbours=4, decay=10.0)
    diffusion = diffusion_potential(distances, 4, 10.0)
    assert (picture.potential == diffusion.potential).all()
    assert picture.steps == diffusion.steps
    assert (picture.distances == distance_matrix(diffusion.potential, metric)).all()
    assert picture.coordinates.shape == (30, dimensions)
    assert picture.stress == pytest.approx(naive.stress(picture.coordinates, picture.distances), rel=1e-9)
    start = _classical(picture.distances, dimensions)
    assert missed(picture.coordinates, picture.distances) <= (1 + 1e-9) * missed(start, picture.distances)


@given(seeds, st.sampled_from(["potential", "metric"]))
def test_axes_are_principal_and_point_to_the_farthest_point(seed, method):
    places = embed(cloud(seed), 3, method).coordinates
    assert np.allclose(places.mean(axis=0), 0, atol=1e-9)
    products = places.T @ places
    assert np.allclose(products, np.diag(products.diagonal()), atol=1e-8 * products.max())
    assert (np.diff(products.diagonal()) <= 0).all()
    assert (places.max(axis=0) >= (1 - 1e-5) * -places.min(axis=0)).all()


@given(seeds, st.sampled_from(["potential", "metric"]))
def test_the_picture_does_not_depend_on_the_order_of_points_or_on_the_seed(seed, method):
    distances, order = cloud(seed), np.random.default_rng(seed).permutation(30)
    picture = embed(distances, method=method)
    assert (embed(distances, method=method, seed=1).coordinates == picture.coordinates).all()
    other = embed(distances[np.ix_(order, order)], method=method)
    size = np.abs(picture.coordinates).max()
    assert np.allclose(other.coordinates, picture.coordinates[order], atol=1e-3 * size)


def test_parts_that_are_not_connected_stand_apart():
    places = embed(two_parts(1e6)).coordinates[:, 0]
    assert min(places[:12].max(), places[12:].max()) < 0 < max(places[:12].min(), places[12:].min())


@given(seeds, st.sampled_from(["potential", "metric"]))
def test_duplicates_are_drawn_at_one_place(seed, method):
    distances = with_duplicates(seed)
    picture = embed(distances, method=method)
    assert np.isfinite(picture.coordinates).all()
    shown = squareform(pdist(picture.coordinates))
    assert (shown[distances == 0] < 1e-3 * max(1e-300, shown.max())).all()


@pytest.mark.parametrize("method", ["potential", "metric"])
def test_nothing_but_duplicates(method):
    picture = embed(np.zeros((7, 7)), method=method)
    assert (picture.coordinates == 0).all()
    assert picture.stress == 0


def test_two_points():
    picture = embed([[0, 3], [3, 0]], 1, "metric")
    assert np.allclose(picture.coordinates, [[1.5], [-1.5]])
    assert embed([[0, 3], [3, 0]], 1, neighbours=1).coordinates.shape == (2, 1)


def test_equal_distances_give_the_stress_of_the_best_known_picture():
    """Four points cannot all be at distance 1 in the plane; a square of the best size misses least."""
    picture = embed(1 - np.eye(4), 2, "metric")
    side = (4 + 2 * 2**0.5) / 8
    square = side * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert picture.stress == pytest.approx(naive.stress(square, 1 - np.eye(4)), rel=1e-3)


def test_it_shows_itself():
    assert repr(embed([[0, 3], [3, 0]], 1, "metric")) == (
        "Embedding(coordinates=ndarray of shape (2, 1) and type float64, method='metric', stress=0)"
    )


def test_phate_is_an_extra_of_its_own():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert project["phate"] == ["binland[landscape]", "phate>=1.0.11"]
    assert not any("phate" in one for one in project["all"])
    assert {*extras.APART["phate"]} - {*extras.MODULES["landscape"]} == {"phate"}


def test_without_phate_it_is_one_line():
    code = "from deepbridge.connectivity.embedding import embed\nembed([[0, 3], [3, 0]], 1, 'phate')"
    said = python({"phate"}, code).stderr.splitlines()[-1]
    needs = "embed with method='phate' needs phate: pip install '.[phate]' in a clone of binland"
    assert said == f"ModuleNotFoundError: {needs}"


@pytest.mark.filterwarnings("ignore")  # the package's own
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_phate_draws_what_we_draw(metric):
    """With one number of steps, the potentials differ by affinities below 1e-4, which the package sets to zero."""
    pytest.importorskip("phate")
    distances = cloud(0, 60)
    theirs = embed(distances, 2, "phate", steps=4, metric=metric)
    ours = embed(distances, 2, steps=4, metric=metric)
    assert (theirs.method, theirs.steps) == ("phate", 4)
    assert np.allclose(theirs.potential, ours.potential, atol=0.05)
    assert theirs.stress == pytest.approx(ours.stress, rel=0.05)
    assert (embed(distances, 2, "phate", steps=4, metric=metric).coordinates == theirs.coordinates).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: embed(d, method="tsne"), "method='tsne' is not one of 'potential', 'phate', 'metric'"),
        (lambda d: embed(d, metric="l1"), "metric='l1' is not one of 'cosine', 'euclidean'"),
        (lambda d: embed(d, 0), "dimensions=0 is not an integer of at least 1"),
        (lambda d: embed(d, 6), "dimensions=6 of 6 points: they span at most 5"),
        (lambda d: embed(d, neighbours=6), "neighbours=6 of 6 points: each has 5 others"),
        (
            lambda d: embed(d, steps="knee"),
            "steps='knee' is not a number of steps, an integer of at least 1, or 'auto'",
        ),
        (lambda d: embed(d, steps=2.0), "steps=2.0 is not a number of steps"),
        (lambda d: embed(d, steps=0), "steps=0 is not an integer of at least 1"),
        (lambda d: embed(d, decay=0), "decay=0 is not a number from"),
        (lambda d: embed(d[:, :3]), "distances of shape (6, 3) are not a matrix (n, n)"),
        (lambda d: embed(d + np.triu(d)), "distances are not symmetric"),
        (lambda d: embed(d + 1), "distances are negative, or not 0 from a point to itself"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)) as caught:
        call(cloud(0, 6))
    assert "\n" not in str(caught.value)
