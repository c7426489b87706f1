"""The Fisher-Rao norm against dense Fisher matrices, the closed form without biases, and symmetries."""

import numpy as np
import pytest
import torch

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge import connectivity
from deepbridge.connectivity import fisher_rao
from tests.deepbridge.connectivity.bowls import chain, permuted, rescaled
from tests.deepbridge.continuous.problems import NETWORKS, data, solution
from tests.naive import flatness as naive


@pytest.mark.parametrize("name", ["mlp", "binary", "lenet"])
@pytest.mark.parametrize("labels", ["model", "data"])
def test_it_is_the_form_of_the_dense_matrix(name, labels):
    there = db.landscape(NETWORKS[name], data(name, 0, 12), dtype="float64")
    point = there.point(solution(name, 0))
    module, classes = there.solution(point).to_module().double(), there.train.classes.tolist()
    matrix = naive.fisher(module, there.train.inputs, classes if labels == "data" else None)
    w = point.numpy()
    assert fisher_rao(there, point, labels) == pytest.approx(w @ matrix @ w, rel=1e-9)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_closed_form_without_biases(n_outputs):
    found, there = chain(bias=False, n_outputs=n_outputs)
    with torch.no_grad():
        outputs = found.to_module()(there.train.inputs)
    shares = outputs.softmax(1) if n_outputs > 1 else outputs.sigmoid()
    wanted = torch.nn.functional.one_hot(there.train.classes, 3) if n_outputs > 1 else there.train.classes[:, None]
    closed = 3**2 * ((shares - wanted) * outputs).sum(1).square().mean()
    assert fisher_rao(there, found, "data") == pytest.approx(float(closed), rel=1e-10)


@pytest.mark.parametrize("labels", ["model", "data"])
def test_units_may_be_rescaled_one_by_one_and_permuted(labels):
    found, there = chain()
    factors = np.exp(np.random.default_rng(0).standard_normal(6))
    other = rescaled(found, [("0", "2", factors), ("2", "4", 7.0)])
    value = fisher_rao(there, found, labels)
    assert fisher_rao(there, other, labels) == pytest.approx(value, rel=1e-9)
    assert fisher_rao(there, permuted(found, "0", "2", [3, 1, 0, 5, 4, 2]), labels) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("name", ["vgg16", "resnet20"])
def test_with_batch_norm_it_is_the_derivative_along_the_parameters(name, monkeypatch):
    there = db.landscape(NETWORKS[name], data(name, 0, 20), dtype="float64")
    point = there.point(solution(name, 0))
    module = there.solution(point).to_module().double().eval()
    tensors = dict(module.named_parameters())

    def outputs(t):
        state = {key: tensor.detach() * (1 + t) for key, tensor in tensors.items()}
        return torch.func.functional_call(module, state, (there.train.inputs,))

    step = 1e-8  # ReLUs have their kinks farther away
    with torch.no_grad():
        slopes, shares = (outputs(step) - outputs(-step)) / (2 * step), outputs(0).softmax(1)
    centred = slopes - (shares * slopes).sum(1, keepdim=True)
    value = fisher_rao(there, point)
    assert value == pytest.approx(float((shares * centred.square()).sum(1).mean()), rel=1e-6)
    monkeypatch.setattr("deepbridge.continuous.landscape.PART", 7)
    assert fisher_rao(there, point) == pytest.approx(value, rel=1e-9)


def test_what_does_not_fit_is_refused_in_one_line():
    found, there = chain()
    with pytest.raises(InvalidInputError, match="labels='true'"):
        fisher_rao(there, found, "true")
    with pytest.raises(InvalidInputError, match="Function has no differentiable outputs"):
        fisher_rao(connectivity.Function(lambda x: x.sum(), 2), [0, 0])
