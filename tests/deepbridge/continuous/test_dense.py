"""Fully connected networks differentiated by hand, beside autograd one by one."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import deepbridge as db
from deepbridge.continuous.dense import Dense


@st.composite
def problems(draw):
    """A chain with or without biases, points, data of two or more classes, one batch for all points or one for each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = [draw(st.integers(1, 6)) for _ in range(draw(st.integers(2, 5)))]
    outputs = draw(st.sampled_from([1, 3, 5]))
    bias = [draw(st.booleans()) for _ in sizes]
    sizes.append(outputs)
    parts = [nn.Flatten()] if draw(st.booleans()) else []
    for k, (a, b) in enumerate(pairwise(sizes)):
        parts += [nn.Linear(a, b, bias[k]), nn.ReLU()]
    module = nn.Sequential(*parts[:-1]).double()
    network = db.from_module(module, torch.zeros(2, sizes[0], dtype=torch.float64)).network
    count, batch, own = draw(st.integers(1, 4)), draw(st.integers(1, 7)), draw(st.booleans())
    shape = (count, batch) if own else (batch,)
    points = torch.from_numpy(rng.normal(size=(count, network.n_weights)))
    inputs = torch.from_numpy(rng.normal(size=(*shape, sizes[0])))
    classes = torch.from_numpy(rng.integers(max(2, outputs), size=shape))
    return module, network, points, inputs, classes


def loss_of(outputs, classes, reduction="mean"):
    if outputs.shape[1] == 1:
        truth = classes.to(outputs.dtype)
        return nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], truth, reduction=reduction)
    return nn.functional.cross_entropy(outputs, classes, reduction=reduction)


@settings(max_examples=60)
@given(problems())
def test_losses_and_gradients_are_those_of_autograd(problem):
    module, network, points, inputs, classes = problem
    losses, gradients = Dense.of(network).slopes(points, inputs, classes)
    for k, point in enumerate(points):
        nn.utils.vector_to_parameters(point, module.parameters())
        x, y = (inputs[k], classes[k]) if classes.ndim == 2 else (inputs, classes)
        module.zero_grad()
        loss = loss_of(module(x), y)
        loss.backward()
        assert float(losses[k]) == pytest.approx(float(loss.detach()), rel=1e-12)
        expected = torch.cat([p.grad.reshape(-1) for p in module.parameters()])
        torch.testing.assert_close(gradients[k], expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=60)
@given(problems(), st.integers(0, 9))
def test_scores_of_sums_are_those_of_the_module(problem, rows):
    module, network, corners, inputs, classes = problem
    inputs, classes = (inputs[0], classes[0]) if classes.ndim == 2 else (inputs, classes)
    rng = np.random.default_rng(rows)
    shares = torch.from_numpy(rng.normal(size=(rows, len(corners)))) if rows else None
    losses, wrong = Dense.of(network).scores(corners, shares, inputs, classes)
    points = corners if shares is None else shares @ corners
    for k, point in enumerate(points):
        nn.utils.vector_to_parameters(point, module.parameters())
        with torch.no_grad():
            outputs = module(inputs)
        predicted = (outputs[:, 0] >= 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)
        assert int(wrong[k]) == int((predicted != classes).sum())
        assert float(losses[k]) == pytest.approx(float(loss_of(outputs, classes, "sum")), rel=1e-9, abs=1e-12)


def test_parts_of_patterns_and_networks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(0)
    network = db.MLP(6, (5, 4), 3)
    corners, shares = (torch.from_numpy(rng.normal(size=size)) for size in ((2, network.n_weights), (9, 2)))
    inputs, classes = torch.from_numpy(rng.normal(size=(40, 6))), torch.from_numpy(rng.integers(3, size=40))
    whole = Dense.of(network).scores(corners, shares, inputs, classes)
    monkeypatch.setattr("deepbridge.continuous.dense.PATTERNS", 35)
    monkeypatch.setattr("deepbridge.continuous.dense.TOGETHER", 100)
    parts = Dense.of(network).scores(corners, shares, inputs, classes)
    torch.testing.assert_close(parts[0], whole[0])
    assert torch.equal(parts[1], whole[1])


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_of_equal_outputs_the_first_one_counts(seed):
    rng = np.random.default_rng(seed)
    network = db.MLP(3, (2,), 4)
    points = torch.from_numpy(rng.integers(-1, 2, size=(5, network.n_weights)).astype(float))
    points[0] = 0.0
    inputs, classes = (
        torch.from_numpy(rng.integers(-1, 2, (30, 3)).astype(float)),
        torch.from_numpy(rng.integers(4, size=30)),
    )
    losses, wrong = Dense.of(network).scores(points, None, inputs, classes)
    module = network.module().double()
    for k, point in enumerate(points):
        nn.utils.vector_to_parameters(point, module.parameters())
        with torch.no_grad():
            outputs = module(inputs)
        assert int(wrong[k]) == int((outputs.argmax(1) != classes).sum())
        assert float(losses[k]) == pytest.approx(float(loss_of(outputs, classes, "sum")), rel=1e-12)


def test_networks_that_overflow_are_wrong_and_have_no_loss():
    network = db.MLP(3, (2,), 4)
    points = torch.full((2, network.n_weights), 1e200, dtype=torch.float64)
    points[1] = 0.0
    losses, wrong = Dense.of(network).scores(points, None, torch.ones(6, 3).double(), torch.arange(6) % 4)
    assert losses.isfinite().tolist() == [False, True]
    assert wrong.tolist() == [4, 4]


class Odd(nn.Sequential):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)),
        nn.Sequential(nn.Linear(4, 3), nn.LeakyReLU(), nn.Linear(3, 3)),
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU()),
        Odd(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3)),
        nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 3)),
    ],
)
def test_other_networks_are_left_to_autograd(module):
    network = db.from_module(module, torch.zeros(2, 4), db.Symmetry({})).network
    assert Dense.of(network) is None


def test_networks_with_constants_and_convolutions_are_left_to_autograd():
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3))
    module[0].bias.requires_grad_(False)
    assert Dense.of(db.from_module(module, torch.zeros(2, 4)).network) is None
    assert Dense.of(db.LeNet((1, 12, 12), (3,), (5,), 3)) is None
    assert Dense.of(db.MLP(4, (3,), 3)) is not None
