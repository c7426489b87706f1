"""Volumes of basins against those of balls and ellipsoids, and their symmetries."""

import math

import numpy as np
import pytest
import torch

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge import connectivity
from deepbridge.connectivity import basin_volume
from deepbridge.connectivity.filters import filter_norms
from deepbridge.connectivity.volumes import first_exits
from tests.deepbridge.connectivity.bowls import bowl, chain, permuted, rescaled
from tests.naive import flatness as naive


@pytest.mark.parametrize("n", [1, 2, 7, 300])
@pytest.mark.parametrize("directions", ["filter", "scale"])
def test_a_ball_has_its_volume_in_units_of_the_solution(n, directions):
    there, minimum = bowl(np.ones(n), centre=0.5)
    found = basin_volume(there, minimum, 0.3, 4, directions=directions, tolerance=1e-8)
    radius = math.sqrt(2 * 0.3) / np.linalg.norm(minimum)
    assert found.log_volume == pytest.approx(naive.ellipsoid_log_volume([radius] * n), abs=1e-7 * n)
    assert found.typical == pytest.approx(found.log_volume, abs=1e-7 * n)
    assert found.error == pytest.approx(0, abs=1e-7 * n)
    assert found.effective == pytest.approx(4, rel=1e-4)
    assert found.dimension == n


@pytest.mark.parametrize("directions", ["filter", "scale"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_ellipsoid_has_its_volume_within_the_error(directions, seed):
    eigenvalues = np.array([1.0, 2.0, 4.0, 0.5])
    there, minimum = bowl(eigenvalues)
    found = basin_volume(there, minimum, 0.2, 3000, directions=directions, seed=seed)
    exact = naive.ellipsoid_log_volume(np.sqrt(2 * 0.2 / eigenvalues) / np.linalg.norm(minimum))
    assert abs(found.log_volume - exact) < 4 * found.error
    assert found.error < 0.06
    assert found.typical < found.log_volume
    assert found.effective < 3000


def test_radii_are_the_first_exits_from_a_ring():
    """Beyond radius 4 the function is low again, but the basin ends at 1."""
    ring = connectivity.Function(lambda x: 1 - (((x - 1).square().sum().sqrt() - 2) / 2).square(), 2)
    found = basin_volume(ring, [1.0, 1.0], 0.75, 3, tolerance=1e-7)
    np.testing.assert_allclose(found.radii, 1 / math.sqrt(2), rtol=1e-6)


def test_two_filters_have_the_volume_of_the_scaled_coordinates():
    """A bowl on a network's coordinates; the scaled ones are uniform on the sphere, so the estimate is exact."""
    there, minimum = bowl([1.0, 1.0, 3.0])
    norms = torch.tensor([[math.sqrt(2), 1.0]])

    class Two(type(there)):
        filters = torch.tensor([0, 0, 1])

    there.__class__ = Two
    assert torch.allclose(filter_norms(there, there.point(minimum)[None]), norms.double())
    found = basin_volume(there, minimum, 0.4, 4000, directions="scale")
    units = np.array([math.sqrt(2) * math.sqrt(3 / 2)] * 2 + [math.sqrt(3)])
    exact = naive.ellipsoid_log_volume(np.sqrt(0.8 / np.array([1, 1, 3])) / units)
    assert abs(found.log_volume - exact) < 4 * found.error
    assert found.error < 0.05


def test_the_loss_at_every_radius_is_the_threshold():
    found, there = chain()
    volume = basin_volume(there, found, 0.2, 5, tolerance=1e-8, seed=np.random.default_rng(3))
    drawn = torch.from_numpy(np.random.default_rng(3).standard_normal((5, there.size)))
    point, filters = there.point(found), there.filters
    rays = torch.zeros_like(drawn)
    for k in range(int(filters.max()) + 1):
        here = filters == k
        rays[:, here] = drawn[:, here] / drawn[:, here].norm(dim=1, keepdim=True) * point[here].norm()
    losses = there.values(point + torch.from_numpy(volume.radii)[:, None] * rays).losses
    np.testing.assert_allclose(losses, volume.threshold, rtol=1e-6)
    assert volume.threshold == pytest.approx(float(there.values(point[None]).losses[0]) + 0.2)
    assert volume.dimension == 8 * 6 + 6 * 5 + 5 * 3


def test_errors_may_be_compared_instead_of_losses():
    there = chain()[1]
    data = there.train.inputs.numpy(), there.train.classes.numpy()
    found = db.fit(there.network, data, db.continuous.SGD(epochs=60), seed=0, progress=False)
    point = there.point(found)
    here = int(there.values(point[None]).error_counts[0])
    volume = basin_volume(there, found, 0.1, 6, measure="error")
    assert volume.threshold == pytest.approx(here / 40 + 0.1)
    assert (volume.radii > 0).all()


def test_jackknife_and_effective_number_by_hand():
    found = connectivity.BasinVolume(np.array([1.0, 2.0]), 2, 0.1, "loss", 1e-4)
    assert found.log_volume == pytest.approx(math.log(math.pi * 2.5))
    assert found.typical == pytest.approx(math.log(math.pi * 2))
    assert found.error == pytest.approx(math.log(4) / 2)
    assert found.effective == pytest.approx(25 / 17)


def test_layers_may_be_rescaled_and_units_permuted():
    found, there = chain()
    value = basin_volume(there, found, draws=4, tolerance=1e-9).radii
    other = rescaled(found, [("0", "2", 8.0), ("2", "4", 0.25)])
    np.testing.assert_allclose(basin_volume(there, other, draws=4, tolerance=1e-9).radii, value, rtol=1e-8)
    many = [
        basin_volume(there, one, 0.1, 100).typical
        for one in (found, permuted(found, "0", "2", [3, 1, 0, 5, 4, 2]))  # other draws, so equal in distribution
    ]
    spread = basin_volume(there, found, 0.1, 100).spread
    assert abs(many[0] - many[1]) < 4 * spread * math.sqrt(2 / 100)


@pytest.mark.parametrize("radius", [1e-6, 1e-3, 0.0156, 0.5, 300.0])
def test_exits_are_found_inward_and_outward(radius):
    found = first_exits(lambda rows, radii: radii > radius * (rows + 1), 3, 1e-6)
    np.testing.assert_allclose(found, np.arange(1, 4) * radius, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: basin_volume(f, [0, 0]), "filters of the solution are zero"),
        (lambda f: basin_volume(f, [1, 1], rise=0), "rise=0"),
        (lambda f: basin_volume(f, [1, 1], rise=1e9), "choose a smaller rise"),
        (lambda f: basin_volume(f, [1, 1], draws=1), "draws=1"),
        (lambda f: basin_volume(f, [1, 1], measure="error"), "no error"),
        (lambda f: basin_volume(f, [1, 1], measure="height"), "measure='height'"),
        (lambda f: basin_volume(f, [1, 1], directions="layer"), "directions='layer'"),
        (lambda f: basin_volume(f, [1, 1], tolerance=1), "tolerance=1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call(bowl([1.0, 2.0])[0])
