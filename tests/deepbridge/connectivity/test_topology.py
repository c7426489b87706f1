"""Persistence of samples: against loops, against the published script, known answers, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binland.errors import InvalidInputError
from deepbridge.connectivity import JumpAndRetrain, Samples, graph_persistence, jump_and_retrain, sample_persistence
from deepbridge.connectivity.diffusion import diffusion_potential
from deepbridge.connectivity.distances import distance_matrix
from tests.deepbridge.connectivity import problems
from tests.deepbridge.connectivity.potentials import double_well
from tests.naive import persistence
from tests.naive import topology as naive

pytest.importorskip("gudhi")
seeds = st.integers(0, 2**32)


def drawn(seed, directions=2, steps=2, epochs=3, d=4):
    """Samples with random points and values: what persistence makes of them does not depend on where they are from."""
    rng = np.random.default_rng(seed)
    runs, times = directions * steps, epochs + 1
    count = 1 + runs * times
    direction = np.append(-1, np.tile(np.repeat(np.arange(directions), steps), times))
    step = np.append(0.0, np.tile(np.arange(1.0, steps + 1), directions * times))
    epoch = np.append(0, np.repeat(np.arange(times), runs))
    values = [rng.random(count) for _ in range(4)]
    return Samples(rng.normal(size=(count, d)), direction, step, epoch, *values, 0)


def steps_of(points):
    return diffusion_potential(distance_matrix(points)).steps


@pytest.mark.parametrize("distance", ["potential", "cosine", "euclidean"])
@pytest.mark.parametrize("triangles", [False, True])
@given(seeds, st.integers(1, 6))
@settings(max_examples=8)
def test_the_graph_and_its_persistence_against_loops(distance, triangles, seed, k):
    samples = drawn(seed)
    edges = naive.graph(samples.points, k, distance, steps_of(samples.points))
    for values in ("losses", "test_losses", "errors", "test_errors"):
        levels = getattr(samples, values)
        found = sample_persistence(samples, k, values, distance, triangles=triangles)
        exact = persistence.graph_pairs(levels, edges, triangles)
        for dimension in (0, 1):
            wanted = persistence.lasting(exact.get(dimension, []))
            assert sorted(map(tuple, found.diagram(dimension).tolist())) == sorted(wanted)


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.integers(3, 5), st.integers(1, 5))
@settings(max_examples=15)
def test_the_published_script(seed, directions, steps, epochs, k):
    samples = drawn(seed, directions, steps + 1, epochs)
    runs = {}
    for row in range(1, samples.n_samples):
        run = (samples.direction[row], samples.step[row])
        runs.setdefault(run, []).append((samples.points[row], samples.test_losses[row]))
    kept = [point for run in runs.values() for point, _ in run[:-1]]
    if len(kept) <= 5:
        return
    losses = [samples.test_losses[0], *(loss for run in runs.values() for _, loss in run[:-1])]
    components, loops = naive.published(diffusion_potential(distance_matrix(kept)).potential, losses, k)
    found = sample_persistence(samples, k, published=True)
    lasting = [(birth, death) for birth, death in components if death > birth]
    assert found.n_loops == len(loops)
    assert found.n_components == len(lasting)
    ends = [np.where(np.isinf(found.diagram(d)), found.largest, found.diagram(d)) for d in (0, 1)]
    np.testing.assert_allclose(sorted(map(tuple, ends[0])), sorted(lasting))
    np.testing.assert_allclose(sorted(map(tuple, ends[1])), sorted(loops))
    for dimension, pairs in enumerate((components, loops)):
        assert found.total(dimension) == pytest.approx(sum((death - birth) ** 2 for birth, death in pairs))


def test_the_published_number_of_samples_is_641():
    samples = jump_and_retrain(double_well(), [1.0, 0.0], JumpAndRetrain(learning_rate=1e-3, momentum=0.0))
    assert samples.n_samples == 657
    assert len(sample_persistence(samples, values="losses", published=True).values) == 640


def placed(points, losses):
    """Samples at given places."""
    nothing = np.zeros(len(points), np.int64)
    return Samples(points, nothing, nothing.astype(float), nothing, losses, None, None, None, 0)


def test_a_circular_valley_has_one_loop_that_vanishes_at_the_top_of_the_hill():
    """On a grid the 8 nearest points are those around, so that triangles fill every square."""
    axis = np.linspace(-1.2, 1.2, 25)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    losses = ((points**2).sum(1) - 1) ** 2
    found = sample_persistence(placed(points, losses), 8, "losses", "euclidean", triangles=True)
    inside = found.diagram(1)[found.diagram(1)[:, 0] < 0.5]
    assert len(inside) == 1
    assert inside[0, 0] < 0.1
    assert inside[0, 1] == pytest.approx(1, abs=0.03)
    assert found.diagram(0)[0].tolist() == [losses.min(), np.inf]


def test_two_wells_join_at_the_pass():
    points = np.random.default_rng(1).uniform([-1.5, -0.7], [1.5, 0.7], (900, 2))
    losses = (points[:, 0] ** 2 - 1) ** 2 + points[:, 1] ** 2
    found = sample_persistence(placed(points, losses), 12, "losses", "euclidean")
    components = found.diagram(0)
    long = components[np.minimum(components[:, 1], found.largest) - components[:, 0] > 0.5]
    assert len(long) == 2
    assert long[1, 1] == pytest.approx(1, abs=0.1)


def test_values_are_those_of_the_samples_and_nothing_changes():
    samples = drawn(0)
    before = samples.points.copy()
    found = sample_persistence(samples, 3)
    assert np.array_equal(found.values, samples.test_losses)
    again = sample_persistence(replace(samples, test_losses=2 * samples.test_losses), 3)
    assert again.total() == pytest.approx(4 * found.total())
    assert np.array_equal(samples.points, before)
    assert found.total() == pytest.approx(found.total(0) + found.total(1))
    assert isinstance(found, type(graph_persistence([0.0, 1.0], [[0, 1]])))


def test_networks_from_end_to_end():
    chosen = JumpAndRetrain(directions=2, steps=[0.5, 1.0], epochs=4, batch_size=20, learning_rate=0.05)
    samples = jump_and_retrain(problems.landscape("norm"), problems.solution("norm"), chosen)
    for published in (False, True):
        found = sample_persistence(samples, 5, published=published)
        assert found.n_components >= 1
        assert found.n_loops > 0
        assert found.total(0) > 0


@pytest.mark.parametrize(
    ("change", "options", "text"),
    [
        ({}, {"neighbours": 0}, "neighbours="),
        ({}, {"neighbours": 17}, "neighbours=17 of 17 samples"),
        ({}, {"neighbours": 12, "published": True}, "neighbours=12 of 12 samples"),
        ({}, {"values": "barrier"}, "values="),
        ({}, {"distance": "hamming"}, "distance="),
        ({}, {"published": True, "distance": "cosine"}, "goes with"),
        ({}, {"published": True, "triangles": True}, "goes with"),
        ({}, {"published": 1}, "published="),
        ({}, {"neighbours": 3, "triangles": 1}, "triangles|fill"),
        ({"test_losses": None}, {}, "no test data"),
        ({"errors": None}, {"values": "errors"}, "no labels"),
        ({"test_losses": np.full(17, np.nan)}, {"neighbours": 3}, "value"),
    ],
)
def test_what_is_refused(change, options, text):
    with pytest.raises(InvalidInputError, match=text):
        sample_persistence(replace(drawn(0), **change), **{"neighbours": 3, **options})
    with pytest.raises(InvalidInputError, match="jump_and_retrain"):
        sample_persistence(np.zeros((30, 3)))
