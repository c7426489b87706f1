"""Data and weights of every kind that users have, and those that are refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.continuous.solutions import ContinuousSolution
from tests.deepbridge.continuous.problems import NETWORKS, data, solution

INPUTS, CLASSES = data("mlp", 0, 30)
WHOLE = np.round(4 * np.abs(INPUTS))
FEW = CLASSES.astype(np.int64)


@pytest.mark.parametrize(
    ("inputs", "like"),
    [
        (INPUTS.astype(">f8"), INPUTS), (INPUTS.astype(np.longdouble), INPUTS), (INPUTS.tolist(), INPUTS),
        (np.asfortranarray(INPUTS), INPUTS), (np.repeat(INPUTS, 2, 0)[::2], INPUTS), (pd.DataFrame(INPUTS), INPUTS),
        (torch.tensor(INPUTS, requires_grad=True), INPUTS), (torch.tensor(INPUTS).T.contiguous().T, INPUTS),
        (INPUTS.reshape(30, 1, 7), INPUTS), (INPUTS.astype(np.float16), INPUTS.astype(np.float16).astype(float)),
        (torch.tensor(WHOLE).bfloat16(), WHOLE), (WHOLE.astype(np.uint8), WHOLE), (WHOLE.astype(np.int8), WHOLE),
        (WHOLE.astype(np.uint16), WHOLE), (WHOLE.astype(">u4"), WHOLE), (WHOLE.astype(np.uint64), WHOLE),
        (WHOLE > 2, (WHOLE > 2) * 1.0),
    ],
)  # fmt: skip
def test_inputs_of_any_kind(inputs, like):
    one = solution("mlp", 0)
    assert one.loss((inputs, CLASSES)) == pytest.approx(one.loss((like, CLASSES)), rel=1e-12)
    assert np.allclose(one.outputs(inputs), one.outputs(like), rtol=1e-12)


@pytest.mark.parametrize(
    "labels",
    [
        FEW.tolist(), FEW.astype(np.uint8), FEW.astype(float), FEW.astype(">i4"), torch.tensor(FEW), pd.Series(FEW),
        FEW[::-1].copy()[::-1], tuple(FEW.tolist()),
    ],
)  # fmt: skip
def test_labels_of_any_kind(labels):
    one = solution("mlp", 0)
    assert one.error_count((INPUTS, labels)) == one.error_count((INPUTS, CLASSES))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (FEW.astype(str), "labels are not a rectangular array of numbers"),
        (np.where(FEW == 1, np.nan, FEW), "are not whole numbers"),
        (np.where(FEW == 1, np.inf, FEW), "are not whole numbers"),
        (np.where(FEW == 1, 1e300, FEW), "are not whole numbers"),
        (FEW + 0.5, "are not whole numbers"),
        (np.full(30, 2**64 - 1, np.uint64), "are not whole numbers below 2^31"),
        (FEW - 1, "are not among 0 to 2, of 3 outputs"),
        (FEW + 1, "are not among 0 to 2, of 3 outputs"),
        (FEW[:, None], "are not (P, ...) and (P,)"),
        (FEW[:-1], "are not (P, ...) and (P,)"),
        (1, "are not (P, ...) and (P,)"),
    ],
)
def test_labels_that_are_refused(labels, message):
    for ask in (
        lambda there: solution("mlp", 0).error(there),
        lambda there: db.local_energy(solution("mlp", 0), there, 0.1),
    ):
        with pytest.raises(InvalidInputError) as caught:
            ask((INPUTS, labels))
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.where(INPUTS > 2, np.nan, INPUTS), "inputs are not all finite"),
        (np.where(INPUTS > 2, -np.inf, INPUTS), "inputs are not all finite"),
        (INPUTS * 1e39, "inputs are not all finite numbers below 3.4e38"),
        (INPUTS + 0j, "inputs are not a rectangular array of numbers"),
        (INPUTS.astype(str), "inputs are not a rectangular array of numbers"),
        ([[1.0], [1.0, 2.0]], "inputs are not a rectangular array of numbers"),
        (torch.tensor(INPUTS).to_sparse(), "inputs are not a rectangular array of numbers"),
        (INPUTS[:, :6], "reads inputs of shape (7,); the data have (6,)"),
        (INPUTS[:, :0], "reads inputs of shape (7,); the data have (0,)"),
        (INPUTS[:, 0], "are not (P, ...)"),
        (INPUTS[:0], "are not (P, ...)"),
        (None, "inputs are not a rectangular array of numbers"),
        (3.0, "are not (P, ...)"),
    ],
)
def test_inputs_that_are_refused(inputs, message):
    for ask in (lambda: solution("mlp", 0).error((inputs, CLASSES)), lambda: solution("mlp", 0).outputs(inputs)):
        with pytest.raises(InvalidInputError) as caught:
            ask()
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("there", [None, 3, "ab", (INPUTS,), (INPUTS, FEW, FEW), {"inputs": INPUTS}, INPUTS])
def test_what_are_no_data(there):
    with pytest.raises(InvalidInputError, match="given where a Dataset or Patterns are needed"):
        solution("mlp", 0).error(there)


def test_two_classes_are_0_and_1_or_signs():
    one, (inputs, classes) = solution("binary", 0), data("binary", 0, 30)
    expected = one.error_count((inputs, classes))
    assert one.error_count((inputs, 2 * classes - 1)) == expected
    assert one.error_count((inputs, classes > 0)) == expected
    assert one.error_count((inputs, (2 * classes - 1).astype(np.float32))) == expected
    one_class = one.outputs(inputs)[:, 0] < 0
    assert one.error_count((inputs, np.full(30, -1))) == 30 - one_class.sum()
    assert one.error_count((inputs, np.full(30, 1))) == one_class.sum()


def test_datasets_are_read_at_their_scale():
    one, dataset = solution("mlp", 0), db.Dataset.from_real(INPUTS, CLASSES, 3)
    assert one.loss(dataset) == pytest.approx(one.loss((dataset.inputs / 2048, CLASSES)), rel=1e-6)
    wrong = db.Dataset.from_real(INPUTS, 2 * (CLASSES > 0) - 1, 2)
    assert solution("binary", 0).network.n_outputs == 1
    assert one.error(wrong) == one.error((wrong.inputs / 2048, CLASSES > 0))
    with pytest.raises(InvalidInputError, match="classes"):
        solution("binary", 0).error(db.Dataset.from_real(INPUTS[:, :6], CLASSES, 3))


def test_images_are_flattened_for_perceptrons_and_rows_made_images_for_convolutions():
    lenet, (images, classes) = solution("lenet", 0), data("lenet", 0, 20)
    assert lenet.loss((images.reshape(20, -1), classes)) == lenet.loss((images, classes))
    with pytest.raises(InvalidInputError, match=r"reads inputs of shape \(2, 14, 14\)"):
        lenet.loss((images.transpose(0, 2, 3, 1), classes))
    flat = solution(db.MLP(392, (3,), 4), 0)
    assert flat.loss((images, classes)) == flat.loss((images.reshape(20, -1), classes))


def test_data_of_the_user_stay_as_they_are():
    inputs, classes = INPUTS.copy(), CLASSES.copy()
    inputs.flags.writeable = classes.flags.writeable = False
    a, b = solution("mlp", 0), solution("mlp", 1)
    db.path(a, b, (inputs, classes), points=3)
    db.align(a, b, "activations", (inputs, classes))
    assert np.array_equal(inputs, INPUTS)
    assert not torch.from_numpy(INPUTS).requires_grad


STATE = solution("mlp", 0).state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, "state does not name the tensors of MLP"),
        ({}, "state does not name the tensors of MLP"),
        (STATE | {"7.weight": torch.ones(2)}, "state does not name the tensors of MLP"),
        ({k: v.numpy() for k, v in STATE.items()}, "not float32 or float64 throughout"),
        ({k: v.half() for k, v in STATE.items()}, "not float32 or float64 throughout"),
        (STATE | {"1.bias": STATE["1.bias"].float()}, "not float32 or float64 throughout"),
        (STATE | {"1.bias": torch.ones(4, dtype=torch.float64)}, "state: 1.bias is"),
        (
            STATE | {"1.bias": torch.full((5,), torch.nan, dtype=torch.float64)},
            "state: 1.bias has entries that are not finite",
        ),
        (STATE | {"1.bias": None}, "state: 1.bias is None"),
    ],
)
def test_states_that_are_refused(state, message):
    with pytest.raises(InvalidInputError) as caught:
        ContinuousSolution(NETWORKS["mlp"], state)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_states_in_another_order_and_with_gradients_are_the_same():
    shuffled = {key: STATE[key].clone().requires_grad_() for key in reversed(STATE)}
    one = ContinuousSolution(NETWORKS["mlp"], shuffled)
    assert np.array_equal(one.flat, solution("mlp", 0).flat)
    assert db.distance(one, solution("mlp", 0)) == 0
    strided = {k: v.T.contiguous().T if v.ndim == 2 else v for k, v in STATE.items()}
    assert np.array_equal(ContinuousSolution(NETWORKS["mlp"], strided).flat, one.flat)


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.integers(1, 4), st.lists(st.integers(1, 4), max_size=3), st.sampled_from([1, 3, 5]))
def test_any_perceptron_does_everything(seed, n_inputs, hidden, n_outputs):
    network = db.MLP(n_inputs, tuple(hidden), n_outputs)
    a, b, there = solution(network, seed), solution(network, seed + 1), data(network, seed, 7)
    matched = db.align(db.normalize(b), db.normalize(a)).solution
    for kind in ("linear", "geodesic"):
        path = db.path(a, matched, there, kind, 3, beyond=0.5)
        for t, loss in zip(path.ts, path.losses, strict=True):
            assert path.solution(t).loss(there) == pytest.approx(loss, rel=1e-9)
    assert np.isfinite(db.merge([a, b], kind="geodesic").flat).all()
    assert db.distance(a, b) >= 0
    assert np.isfinite(db.local_energy(a, there, 0.5, 2).loss_mean).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: db.MLP(0), "n_inputs=0 is not an integer of at least 1"),
        (lambda: db.MLP(3, 5), "hidden=5 is not a list of sizes"),
        (lambda: db.MLP(3, (0,)), "hidden=0 is not an integer of at least 1"),
        (lambda: db.MLP(3, (4,), 2), "two classes need one output"),
        (lambda: db.MLP(3.5), "n_inputs=3.5 is not an integer"),
        (lambda: db.LeNet((1, 8, 8)), "images of (8, 8) are too small for its filters"),
        (lambda: db.LeNet((28, 28)), "input_shape=(28, 28) is not (channels, height, width)"),
        (lambda: db.VGG16(0), "width=0 is not an integer of at least 1"),
        (lambda: db.ResNet20(2, (3, 8)), "input_shape=(3, 8) is not (channels, height, width)"),
    ],
)
def test_networks_that_cannot_be(make, message):
    with pytest.raises(InvalidInputError) as caught:
        make()
    assert message in str(caught.value)


def test_the_smallest_networks_of_each_kind():
    rng = np.random.default_rng(0)
    for network in (
        db.MLP(1, (1,), 1), db.LeNet((1, 4, 4), (1,), (), 3, 3, 2), db.LeNet((1, 2, 2), (), (1,), 3),
        db.VGG16(1, (1, 1, 1), 1), db.VGG16(1, (1, 3, 40), 3), db.ResNet20(1, (1, 1, 1), 3),
        db.LeNet((1, 5, 5), (2,), (), 3, 1, 1),
    ):  # fmt: skip
        a, b = (ContinuousSolution(network, network.initial(seed, torch.float64)) for seed in (0, 1))
        there = rng.standard_normal((6, *network.input_shape)), rng.integers(max(2, network.n_outputs), size=6)
        matched = db.align(db.normalize(b), db.normalize(a)).solution
        path = db.path(a, matched, there, points=3, reestimate=False)
        assert path.losses[1] == pytest.approx(path.solution(0.5).loss(there), rel=1e-9)
        assert np.isfinite(db.distance(a, b))
