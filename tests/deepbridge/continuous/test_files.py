"""Files of single solutions: to the last bit and back, or refused in one line."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import deepbridge as db
from binland.errors import BinlandError, InvalidInputError, StoreError
from deepbridge.continuous.solution_file import is_continuous
from tests.deepbridge.continuous import modules
from tests.deepbridge.continuous.modules import OF_SMALL, plain
from tests.deepbridge.continuous.problems import EVERY, blobs, data, solution

VECTORS = np.random.default_rng(0).standard_normal((20, 6))


def same(one, other):
    assert one.network == other.network
    assert list(one.state) == list(other.state)
    for key, tensor in one.state.items():
        assert tensor.dtype == other.state[key].dtype
        assert torch.equal(tensor, other.state[key])
    assert (one.history is None) == (other.history is None)
    assert one.history is None or np.array_equal(one.history, other.history, equal_nan=True)
    assert one.spread == other.spread
    assert one.algorithm == other.algorithm


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", EVERY)
def test_what_is_saved_is_loaded_to_the_last_bit(name, dtype, tmp_path):
    one = solution(name, 0, dtype)
    one.save(tmp_path / "one")
    assert is_continuous(tmp_path / "one")
    same(db.load_solution(tmp_path / "one"), one)
    same(db.load_solution(str(tmp_path / "one"), one.network), one)


def test_trained_solutions_keep_how_they_were_found(tmp_path):
    for algorithm in (
        db.continuous.SGD(epochs=2, history_every=2),
        db.continuous.RSGD(epochs=2, replicas=2, coupling=0.1),
        db.continuous.ADV(epochs=2, pretrain_epochs=1),
        db.EntropySGD(epochs=2),
    ):
        one = db.fit(db.MLP(8, (5,), 3), blobs(), algorithm, 0, progress=False)
        path = tmp_path / type(algorithm).__name__
        one.save(path)
        same(db.load_solution(path), one)
        assert len(one.history) == 2


def test_modules_of_the_user_need_their_network(tmp_path):
    one = db.from_module(modules.Centred(), VECTORS, OF_SMALL)
    one.save(tmp_path / "one")
    same(db.load_solution(tmp_path / "one", one.network), one)
    with pytest.raises(InvalidInputError, match="holds a network of a module of its own; give network="):
        db.load_solution(tmp_path / "one")
    leaky = db.from_module(nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(), nn.Linear(5, 3)), VECTORS)
    two = db.from_module(plain(), VECTORS)
    two.save(tmp_path / "two")
    for wrong in (leaky.network, one.network, db.MLP(6, (5,), 3)):
        with pytest.raises(StoreError, match="is a solution of another network"):
            db.load_solution(tmp_path / "two", wrong)
    solution("mlp", 0).save(tmp_path / "mlp")
    for wrong in (one.network, db.MLP(7, (5, 5), 3)):
        with pytest.raises(StoreError, match="is a solution of another network, MLP"):
            db.load_solution(tmp_path / "mlp", wrong)


def test_names_are_not_taken_twice(tmp_path):
    one = solution("mlp", 0)
    one.save(tmp_path / "one")
    before = (tmp_path / "one").read_bytes()
    with pytest.raises(StoreError, match="choose another name"):
        solution("mlp", 1).save(tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == before
    with pytest.raises(StoreError):
        one.save(tmp_path / "nowhere" / "one")
    with pytest.raises(InvalidInputError, match="path=3 is not a path"):
        one.save(3)


def test_damaged_files_are_refused_in_one_line(tmp_path):
    one = db.fit(db.MLP(4, (3,), 3), blobs(4), db.continuous.SGD(epochs=1), 0, progress=False)
    one.save(tmp_path / "one")
    whole = (tmp_path / "one").read_bytes()
    broken = [whole[:k] for k in range(0, len(whole), 97)]
    broken += [whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :] for k in range(0, len(whole), 31)]
    broken += [b"", b"{}", whole + b"more", whole * 2]
    for k, content in enumerate(broken):
        (tmp_path / str(k)).write_bytes(content)
        with pytest.raises(BinlandError) as caught:
            db.load_solution(tmp_path / str(k))
        assert "\n" not in str(caught.value)


def test_files_that_lie_are_refused(tmp_path):
    """With a right checksum, as only a forger writes them."""
    from binland.array_file import store

    path = tmp_path / "good"
    one = solution("mlp", 0, torch.float32)
    arrays = {f"float32.{key}": tensor.numpy() for key, tensor in one.state.items()}
    model = {"kind": "mlp", "n_inputs": 7, "hidden": [5, 4], "n_outputs": 3}
    store(path, "deepbridge-continuous-1", model, None, arrays)
    same(db.load_solution(path), one)
    nan = arrays | {"float32.1.bias": np.full(5, np.nan, np.float32)}
    lies = [
        (model | {"n_inputs": 8}, arrays), (model | {"hidden": [5]}, arrays), (model | {"hidden": None}, arrays),
        (model | {"kind": "transformer"}, arrays), (model | {"colour": "red"}, arrays), ({"kind": "mlp"}, arrays),
        (model | {"n_outputs": -1}, arrays), (["mlp"], arrays), (3, arrays), ({}, arrays), (model, nan),
        (model, {k: v for k, v in arrays.items() if "bias" not in k}), (model, {}),
        (model, arrays | {"float32.7.weight": np.ones(3, np.float32)}),
        (model, arrays | {"float64.1.bias": np.ones(5)}),
    ]  # fmt: skip
    for k, (lie, tensors) in enumerate(lies):
        store(tmp_path / str(k), "deepbridge-continuous-1", lie, None, tensors)
        with pytest.raises(StoreError) as caught:
            db.load_solution(tmp_path / str(k))
        assert "\n" not in str(caught.value)


def test_an_algorithm_that_is_not_known_is_left_out(tmp_path):
    one = replace(solution("mlp", 0), algorithm=db.continuous.SGD(epochs=3))
    one.save(tmp_path / "one")
    content = (tmp_path / "one").read_bytes()
    assert json.dumps({"kind": "SGD"})[1:-1].replace('"', '\\"').encode() in content
    same(db.load_solution(tmp_path / "one"), one)


def test_binary_solutions_are_loaded_by_the_same_word(tmp_path):
    network = db.BinaryMLP(6, (3,))
    rng = np.random.default_rng(0)
    one = db.Solution(network, [np.where(rng.random(shape) < 0.5, -1, 1) for shape in network.weight_shapes])
    one.save(tmp_path / "binary")
    assert not is_continuous(tmp_path / "binary")
    assert isinstance(db.load_solution(tmp_path / "binary"), db.Solution)
    with pytest.raises(StoreError, match="is no solution of the format deepbridge-continuous-1"):
        db.load_solution(tmp_path / "binary", db.MLP(6, (3,), 1))
    assert isinstance(solution("mlp", 0).error(data("mlp")), float)
