"""Landscapes of functions, continuous networks and latents: values, gradients, refusals."""

import numpy as np
import pytest
import torch
from torch import nn

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.connectivity.geometry import Geometry
from tests.deepbridge.connectivity import problems

KINDS = ("mlp", "conv")


def points_of(scape, kind, count=3):
    return torch.stack([scape.point(problems.solution(kind, seed)) for seed in range(count)])


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_the_module_point_by_point(kind):
    scape, twin = problems.landscape(kind), problems.twin(kind)
    points, batch = points_of(scape, kind), torch.arange(5, 25)
    values, (losses, gradients) = scape.values(points), scape.gradients(points, batch)
    for k, point in enumerate(points.numpy()):
        assert values.losses[k] == pytest.approx(twin.value(point), rel=1e-12)
        assert values.error_counts[k] == twin.wrong(point)
        loss, slope = twin.slope(point, batch)
        assert float(losses[k]) == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(gradients[k].numpy(), slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_sums_of_corners_are_the_points(kind):
    scape = problems.landscape(kind)
    corners = points_of(scape, kind)
    shares = torch.from_numpy(np.random.default_rng(0).normal(size=(9, 3)))
    for test in (False, True):
        together, apart = scape.values(corners, shares, test), scape.values(shares @ corners, None, test)
        np.testing.assert_allclose(together.losses, apart.losses, rtol=1e-9)
        np.testing.assert_array_equal(together.error_counts, apart.error_counts)


@pytest.mark.parametrize("kind", [*KINDS, "norm"])
def test_every_point_can_have_its_own_batch(kind):
    scape = problems.landscape(kind)
    points = points_of(scape, kind)
    batches = torch.from_numpy(np.random.default_rng(0).permutation(60)[:30].reshape(3, 10))
    losses, gradients = scape.gradients(points, batches)
    for k in range(3):
        loss, gradient = scape.gradients(points[k : k + 1], batches[k])
        assert float(losses[k]) == pytest.approx(float(loss[0]), rel=1e-12)
        torch.testing.assert_close(gradients[k], gradient[0])


def test_batch_norm_is_estimated_at_every_point_and_dropout_is_off():
    scape = problems.landscape("norm")
    points = points_of(scape, "norm")
    first, again = scape.gradients(points, torch.arange(20)), scape.gradients(points, torch.arange(20))
    torch.testing.assert_close(first[1], again[1], rtol=0, atol=0)
    values = scape.values(points)
    for k, point in enumerate(points):
        solution = scape.solution(point)
        expected = problems.solution("norm", k).with_statistics(problems.data("norm"))
        assert values.losses[k] == pytest.approx(expected.loss(problems.data("norm")), rel=1e-9)
        assert solution.loss(problems.data("norm")) == pytest.approx(values.losses[k], rel=1e-12)
        assert float(scape.gradients(points[k : k + 1])[0][0]) == pytest.approx(values.losses[k], rel=0.02)  # epsilon


def test_gradients_are_slopes_of_the_loss_with_batch_norm():
    scape = problems.landscape("norm")
    point = points_of(scape, "norm", 1)[0]
    batch, step = torch.arange(30), 1e-6
    _, gradient = scape.gradients(point[None], batch)
    for k in (0, 50, 90, 100, len(point) - 1):
        move = torch.zeros_like(point)
        move[k] = step
        ends, _ = scape.gradients(torch.stack([point + move, point - move]), batch)
        assert float(gradient[0, k]) == pytest.approx(float(ends[0] - ends[1]) / (2 * step), abs=1e-7)


def test_gradient_of_all_data_is_the_mean_over_parts(monkeypatch):
    scape = problems.landscape()
    points = points_of(scape, "mlp")
    whole = scape.gradients(points)
    monkeypatch.setattr("deepbridge.continuous.landscape.PART", 7)
    parts = scape.gradients(points)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)


def test_points_and_solutions_are_inverse_to_each_other():
    for kind in ("mlp", "norm"):
        scape, one = problems.landscape(kind), problems.solution(kind)
        back = scape.solution(scape.point(one))
        np.testing.assert_array_equal(back.flat, one.flat)


def test_filters_are_rows_of_weights_and_nothing_else():
    scape = problems.landscape("norm")
    filters = scape.filters.tolist()
    assert filters[:84] == [k for k in range(7) for _ in range(12)]
    assert filters[84:91] == [-1] * 7  # biases
    assert filters[91:105] == [-1] * 14  # batch-norm
    assert filters[105:126] == [7 + k for k in range(3) for _ in range(7)]
    assert filters[126:] == [-1] * 3


def test_constants_have_no_gradient_and_no_filter():
    module = problems.MODULES["mlp"]()
    module[1].weight.requires_grad_(False)
    one = db.from_module(module, torch.zeros(2, 12))
    scape = db.landscape(one.network, problems.data())
    _, gradients = scape.gradients(scape.point(one)[None])
    assert (gradients[0, :84] == 0).all()
    assert (gradients[0, 84:] != 0).any()
    assert (scape.filters[:84] == -1).all()


def test_two_classes_with_one_output():
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(40, 6)), rng.choice([-1, 1], 40)
    net = db.MLP(6, (5,), 1)
    scape = db.landscape(net, (inputs, labels), dtype="float64")
    one = db.ContinuousSolution(net, net.initial(0, torch.float64))
    values = scape.values(scape.point(one)[None])
    assert values.errors[0] == one.error((inputs, labels))
    assert values.losses[0] == pytest.approx(one.loss((inputs, labels)))
    loss, _ = scape.gradients(scape.point(one)[None])
    assert float(loss[0]) == pytest.approx(values.losses[0])


class TestLatents:
    def scape(self, hidden=(9, 5), **options):
        train = db.Dataset(np.random.default_rng(0).choice([-1, 1], (50, 11)).astype(np.int16), self.labels(), 2)
        return db.landscape(db.BinaryMLP(11, hidden), train, **options), train

    def labels(self):
        return np.random.default_rng(1).choice([-1, 1], 50)

    def test_errors_are_exact_counts_and_losses_are_those_of_the_signs(self):
        scape, train = self.scape(dtype="float64")
        a, b = db.fit_many(scape.network, train, db.SGD(epochs=5), seeds=[0, 1])
        points = torch.stack([scape.point(a), scape.point(b)])
        values = scape.values(points)
        assert values.error_counts.tolist() == [a.error_count(train), b.error_count(train)]
        losses, _ = scape.gradients(points)
        np.testing.assert_allclose(losses.numpy(), values.losses, rtol=1e-12)
        scaled = scape.values(3 * points)
        assert scaled.losses.tolist() == values.losses.tolist()  # only signs matter

    def test_gradients_are_those_of_a_plain_straight_through_module(self):
        scape, train = self.scape(dtype="float64")
        one = db.fit(scape.network, train, db.SGD(epochs=3), seed=0)
        x, y = torch.tensor(train.inputs, dtype=torch.float64), torch.tensor((train.labels + 1) / 2)
        layers = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in one.latents]
        for k, w in enumerate(layers):
            delta = x @ (w.detach().sign() + w - w.detach()).T / np.sqrt(w.shape[1])
            inside = delta.clamp(-1, 1)
            signs = torch.where(delta >= 0, 1.0, -1.0).double()
            x = signs.detach() + inside - inside.detach() if k < len(layers) - 1 else delta
        loss = nn.functional.binary_cross_entropy_with_logits(x[:, 0], y)
        loss.backward()
        found_loss, found = scape.gradients(scape.point(one)[None])
        assert float(found_loss[0]) == pytest.approx(float(loss.detach()), rel=1e-12)
        expected = np.concatenate([w.grad.reshape(-1).numpy() for w in layers])
        np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-12)

    @pytest.mark.parametrize("network", ["conv", "fixed"])
    def test_convolutions_and_fixed_outputs(self, network):
        rng = np.random.default_rng(0)
        if network == "conv":
            net = db.BinaryConvNet((1, 12, 12), filters=(3,), hidden=(5,), n_outputs=3)
            train = db.Dataset(rng.integers(-3, 4, (20, 1, 12, 12)).astype(np.int16), rng.integers(3, size=20), 3)
        else:
            net = db.BinaryMLP(11, (9,), fixed_output=True)
            train = db.Dataset(rng.choice([-1, 1], (20, 11)).astype(np.int16), rng.choice([-1, 1], 20), 2)
        scape = db.landscape(net, train, train)
        one = db.fit(net, train, db.SGD(epochs=2), seed=0)
        points = scape.point(one)[None]
        assert scape.values(points, test=True).error_counts[0] == one.error_count(train)
        losses, gradients = scape.gradients(points.repeat(2, 1), torch.arange(10).repeat(2, 1))
        assert losses[0] == losses[1]
        assert (gradients != 0).any()
        assert len(scape.filters) == scape.size

    def test_solutions_of_other_networks_are_refused(self):
        scape, train = self.scape()
        with pytest.raises(InvalidInputError, match="not the landscape's network"):
            scape.point(db.fit(db.BinaryMLP(11, (3,)), train, db.SGD(epochs=1), seed=0))


def test_functions_that_do_not_return_a_number_are_refused():
    for function, text in ((lambda x: x, "single number"), (lambda x: x[5], "fails"), (lambda x: 1.0, "single number")):
        with pytest.raises(InvalidInputError, match=text):
            db.connectivity.Function(function, 2)


@pytest.mark.parametrize("point", [[1, 2, 3], [np.nan, 0], "ab", None, [[1, 2]]])
def test_points_of_another_size_are_refused(point):
    well = db.connectivity.Function(lambda x: x.square().sum(), 2)
    with pytest.raises(InvalidInputError, match="not a point of 2 finite numbers"):
        well.point(point)


def test_solutions_of_other_networks_and_missing_test_data_are_refused():
    scape = problems.landscape(test=None)
    other = db.MLP(12, (4,), 3)
    with pytest.raises(InvalidInputError, match="not the landscape's network"):
        scape.point(db.ContinuousSolution(other, other.initial(0)))
    with pytest.raises(InvalidInputError, match="no test data"):
        scape.values(points_of(scape, "mlp"), test=True)
    with pytest.raises(InvalidInputError, match="geometry="):
        problems.landscape(geometry="sphere")


def test_landscapes_without_symmetries_refuse_alignment():
    well = db.connectivity.Function(lambda x: x.square().sum(), 2)
    with pytest.raises(InvalidInputError, match="no symmetries"):
        db.connectivity.line(well, [0, 0], [1, 1], alignment="greedy")
    assert isinstance(well.geometry, Geometry)


@pytest.mark.parametrize("kind", [*KINDS, "norm"])
def test_a_polygon_of_many_corners_is_measured_as_its_points(kind):
    """Rows with two coefficients each, in runs of few corners."""
    scape = problems.landscape(kind)
    corners = points_of(scape, kind, 6)
    shares = torch.zeros(26, 6, dtype=torch.float64)
    for row in range(26):
        k, t = min(row // 5, 4), row / 5 - min(row // 5, 4)
        shares[row, k], shares[row, k + 1] = 1 - t, t
    together, apart = scape.values(corners, shares), scape.values(shares @ corners)
    np.testing.assert_allclose(together.losses, apart.losses, rtol=1e-9)
    np.testing.assert_array_equal(together.error_counts, apart.error_counts)


def test_runs_of_few_corners():
    from deepbridge.continuous.landscape import few_corners

    corners = torch.arange(5.0)[:, None]
    shares = torch.tensor(
        [[1.0, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0], [0, 0.5, 0.5, 0, 0], [0, 0, 0.2, 0.8, 0], [1, 1, 1, 1, 1]]
    )
    runs = few_corners(corners, shares)
    assert [len(part) for _, part in runs] == [3, 1, 1]
    assert [one.flatten().tolist() for one, _ in runs] == [[0, 1, 2], [2, 3], [0, 1, 2, 3, 4]]
    torch.testing.assert_close(torch.cat([part @ one for one, part in runs]), shares @ corners)


@pytest.mark.parametrize("kind", ["mlp", "conv", "norm"])
def test_on_a_toroid_arrays_are_the_same_network_as_solutions(kind):
    scape, one = problems.landscape(kind, geometry="toroid"), problems.solution(kind)
    flat = problems.landscape(kind).point(one)
    point = scape.point(one)
    torch.testing.assert_close(scape.point(flat.numpy()), point)
    torch.testing.assert_close(scape.point(point.numpy()), point, rtol=1e-14, atol=0)  # what lies on the spheres stays


def test_a_mini_batch_of_one_pattern_has_no_batch_norm():
    net = problems.network("norm")
    scape = db.landscape(net, problems.data("norm", count=33))
    ends = [problems.solution("norm", seed) for seed in (0, 1)]
    text = "no gradient on a mini-batch of 1 .*choose batch_size so that the last mini-batch has more"
    with pytest.raises(InvalidInputError, match=text):
        db.connectivity.curve(scape, *ends, db.connectivity.Curve(epochs=1, batch_size=16))
    with pytest.raises(InvalidInputError, match=text):
        db.connectivity.sam_sharpness(scape, ends[0], batch_size=16)


@pytest.mark.parametrize("slope", [1.0, 0.0])
def test_functions_with_constant_gradients(slope):
    plane = db.connectivity.Function(lambda x: slope * x.sum(), size=3)
    path = db.connectivity.autoneb(plane, [0.0] * 3, [1.0] * 3, db.connectivity.AutoNEB(cycles=[(3, 0.1)]))
    assert path.highest_loss == pytest.approx(3 * slope)
    db.connectivity.curve(plane, [0.0] * 3, [1.0] * 3, db.connectivity.Curve(epochs=3))
    db.connectivity.jump_and_retrain(plane, [1.0] * 3, db.connectivity.JumpAndRetrain(epochs=2))


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("classes", [3, 1])
def test_outputs_that_are_no_numbers_are_wrong(kind, classes):
    chain = problems.MODULES[kind]()
    chain[-1] = nn.Linear(chain[-1].in_features, classes)
    net = db.from_module(chain, torch.zeros(2, *problems.SHAPES[kind])).network
    scape = db.landscape(net, problems.data(kind, classes=max(2, classes)), dtype="float64")
    points = torch.zeros(2, scape.size, dtype=torch.float64)
    points[1] = torch.from_numpy(1e200 * np.random.default_rng(0).normal(size=scape.size))
    found = scape.values(points)
    assert np.isfinite(found.losses).tolist() == [True, False]
    outputs = torch.func.functional_call(net.module().double(), scape.state(points[1]), (scape.train.inputs,))
    assert found.error_counts[1] >= int(outputs.isnan().any(1).sum()) > 0


class Odd(nn.Module):
    """A module with dropout that is no layer, and a buffer that belongs to no batch-norm."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.rows = nn.LSTM(3, 4, 2, batch_first=True, dropout=0.5)
        self.last = nn.Linear(4, 3)
        self.register_buffer("factor", torch.tensor(factor))

    def forward(self, x):
        outputs, _ = self.rows(x.unflatten(1, (4, 3)))
        return self.last(self.factor * nn.functional.dropout(outputs[:, -1], 0.5, self.training))


def odd(factor=1.0):
    network = db.from_module(Odd(factor), torch.zeros(2, 12), db.Symmetry({})).network
    return network, db.landscape(network, problems.data(), dtype="float64")


def test_dropout_is_off_whoever_does_it():
    _, scape = odd()
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(2, scape.size)) / 3)
    losses, gradients = scape.gradients(points)
    np.testing.assert_allclose(losses.numpy(), scape.values(points).losses, rtol=1e-12)
    again = scape.gradients(points)[1]
    torch.testing.assert_close(gradients, again, rtol=0, atol=0)


def test_solutions_with_other_buffers_are_refused():
    network, scape = odd()
    own = db.ContinuousSolution(network, network.initial(0, torch.float64))
    assert scape.point(own).shape == (scape.size,)
    tenth = db.ContinuousSolution(odd(0.1)[0], {**own.state, "factor": torch.tensor(0.1, dtype=torch.float64)})
    single = db.landscape(odd(0.1)[0], problems.data(), dtype="float32")
    assert single.point(tenth).dtype == torch.float32  # the buffer is the same in the type of the landscape
    other = db.ContinuousSolution(odd(5.0)[0], {**own.state, "factor": torch.tensor(5.0, dtype=torch.float64)})
    with pytest.raises(InvalidInputError, match=r"buffer 'factor' of the solution"):
        scape.point(other)


@pytest.mark.parametrize("network", [None, 3, nn.Linear(2, 2), problems.solution()])
def test_what_is_no_network(network):
    with pytest.raises(InvalidInputError, match=r"is not a network: give solution\.network"):
        db.landscape(network, problems.data())


def test_latents_have_no_toroid():
    train = bl.Patterns.random(30, 15, seed=0)
    assert db.landscape(db.BinaryMLP(15, (7,)), train, geometry="flat").geometry.name == "flat"
    with pytest.raises(InvalidInputError, match="geometry='toroid'"):
        db.landscape(db.BinaryMLP(15, (7,)), train, geometry="toroid")


@pytest.mark.parametrize("point", [[1j, 0], ["1", "2"], None, "ab", [True, False], [np.nan, 0], [1.0]])
def test_what_is_no_point(point):
    bowl = db.connectivity.Function(lambda x: x.square().sum(), size=2)
    with pytest.raises(InvalidInputError, match="is not a point of 2 finite numbers"):
        bowl.point(point)
    assert bowl.point(torch.ones(2, requires_grad=True)).tolist() == [1, 1]


def branching(x):
    return x.sum() if x[0] > 0 else -x.sum()


def in_place(x):
    x += 1
    return x.sum()


@pytest.mark.parametrize("function", [branching, in_place, lambda x: x.sum().item() * x[0]])
def test_functions_that_cannot_be_differentiated_together(function):
    with pytest.raises(InvalidInputError, match=r"function (cannot be differentiated|fails)"):
        db.connectivity.Function(function, size=2)


def test_networks_of_which_nothing_is_trained_have_a_hessian_of_zeros():
    chain = problems.MODULES["mlp"]()
    chain.requires_grad_(False)
    network = db.from_module(chain, torch.zeros(2, 12)).network
    scape = db.landscape(network, problems.data(), dtype="float64")
    point = np.random.default_rng(0).normal(size=scape.size)
    assert db.connectivity.hessian_eigenvalues(scape, point, 1).values.tolist() == [0.0]


@pytest.mark.parametrize("wrong", [0, [], {}, False, "", 3])
def test_settings_of_another_kind(wrong):
    bowl, c = db.connectivity.Function(lambda x: x.square().sum(), size=2), db.connectivity
    ends = [[0.0, 1.0], [1.0, 0.0]]
    for call in (lambda: c.autoneb(bowl, *ends, wrong), lambda: c.curve(bowl, *ends, wrong),
                 lambda: c.star(bowl, ends, wrong), lambda: c.jump_and_retrain(bowl, ends[0], wrong)):  # fmt: skip
        with pytest.raises(InvalidInputError, match="settings="):
            call()


def test_a_function_of_one_number_has_a_surface():
    found = db.connectivity.surface(db.connectivity.Function(lambda x: (x - 1).square().sum(), size=1), [1.0], points=3)
    assert found.losses[1] == 0
    assert found.losses[0] == found.losses[2] > 0


@pytest.mark.parametrize("checkpoint", [123, b"abc", True, ["a"]])
def test_checkpoints_that_are_no_paths(checkpoint):
    bowl = db.connectivity.Function(lambda x: x.square().sum(), size=1)
    with pytest.raises(InvalidInputError, match="checkpoint="):
        db.connectivity.barrier_tree(bowl, [[0.0], [1.0]], checkpoint=checkpoint)


def test_ends_without_a_loss():
    well = db.connectivity.Function(lambda x: x.sum() / 0 - x.sum() / 0, size=2)
    with pytest.raises(InvalidInputError, match="have to be finite"):
        db.connectivity.autoneb(well, [0.0, 0.0], [1.0, 1.0])
