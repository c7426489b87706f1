import json
import os
import random
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import binland as bl
import deepbridge as db
from binland.array_file import TEXTS, _digest
from binland.errors import InvalidInputError, StoreError
from deepbridge.binary.moves import transformed
from deepbridge.binary.solution_file import FORMAT
from tests.deepbridge.problems import networks
from tests.test_archive import same

PATTERNS = bl.Patterns.random(12, 9, 0)
NETWORK = db.BinaryMLP(9, (3, 2))
STEPS = {"learning_rate_steps": ((1, 0.5),), "history_every": 2, "learning_rate": 0.1 + 0.2}
FITTED = db.fit(NETWORK, PATTERNS, db.RSGD(epochs=3, replicas=2, ste_window=float("inf"), **STEPS), 0)


def assert_same(one, two):
    for name in ("network", "history", "algorithm"):
        assert same(getattr(one, name), getattr(two, name)), name
    for name in ("weights", "latents", "ties"):
        assert_same_layers(getattr(one, name), getattr(two, name))
    assert (one.replicas is None) == (two.replicas is None)
    if one.replicas is not None:
        assert_same_layers(one.replicas.weights, two.replicas.weights)
        assert all(same(getattr(one.replicas, name), getattr(two.replicas, name)) for name in ("errors", "history"))
        assert type(two.replicas.spread) is float
        assert one.replicas.spread == two.replicas.spread


def assert_same_layers(ones, twos):
    assert (ones is None) == (twos is None)
    if ones is not None:
        assert type(ones) is type(twos) is tuple
        assert all(same(a, b) for a, b in zip(ones, twos, strict=True))


@settings(max_examples=40)
@given(networks, st.sampled_from(["weights", "latents", "ties", "SGD", "RSGD", "ADV"]), st.integers(0, 2))
def test_a_solution_comes_back_to_the_last_bit(tmp_path_factory, problem, kind, epochs):
    path = tmp_path_factory.mktemp("solution") / "one.safetensors"
    solution = problem.solution(latents=kind != "weights", zeros=0.2)
    if kind == "ties":
        history = problem.rng.random(epochs)
        history[: epochs // 2] = np.nan
        solution = replace(transformed(solution, *problem.symmetry()), history=history)
    elif kind not in ("weights", "latents"):
        more = {"pretrain_epochs": 1, "pretrain_optimizer": "adam"} if kind == "ADV" else {}
        algorithm = getattr(db, kind)(epochs=epochs, **STEPS, **more)
        solution = db.fit(problem.network, problem.data, algorithm, problem.rng, progress=False)
    solution.save(path)
    found = db.load_solution(path)
    assert_same(solution, found)
    assert found.error_count(problem.data) == solution.error_count(problem.data)


def test_nothing_is_replaced(tmp_path):
    FITTED.save(tmp_path / "one")
    before = (tmp_path / "one").read_bytes()
    with pytest.raises(StoreError, match=r"one: is there already; choose another name$"):
        FITTED.save(tmp_path / "one")
    with pytest.raises(InvalidInputError, match="path=3 is not a path"):
        FITTED.save(3)
    assert (tmp_path / "one").read_bytes() == before
    assert os.listdir(tmp_path) == ["one"]


def test_an_unknown_algorithm_is_left_out_with_a_warning(tmp_path, monkeypatch):
    FITTED.save(tmp_path / "one")
    monkeypatch.setattr("binland.loading._known", lambda kind: iter([bl.RSGD]))  # of the other package
    with pytest.warns(
        UserWarning, match=r"one: the algorithm .*'RSGD'.* is unknown here, so \.algorithm is None; "
    ) as seen:
        found = db.load_solution(tmp_path / "one")
    assert seen[0].filename == __file__
    assert_same(replace(FITTED, algorithm=None), found)


def test_other_files_are_refused_in_one_line(tmp_path):
    shallow = bl.fit(bl.CommitteeMachine(9, 3), PATTERNS, bl.SGD(epochs=1), 0)
    FITTED.save(tmp_path / "deep")
    shallow.save(tmp_path / "shallow")
    content = (tmp_path / "deep").read_bytes()
    for name, damaged in {"empty": b"", "text": b"weights = 3", "part": content[:-1], "more": content + b"0"}.items():
        (tmp_path / name).write_bytes(damaged)
    save_file({"weights.0": np.ones(3, np.int8)}, tmp_path / "foreign")
    for name in ("empty", "text", "part", "more", "foreign", "shallow", "missing", ".", "a\0b"):
        with pytest.raises(StoreError) as caught:
            db.load_solution(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1
        assert re.search(r"; (give|take)|update binland$", str(caught.value)), str(caught.value)
    with pytest.raises(StoreError, match=r"is no solution of the format binland-solution-1 \(it says 'deepbridge-"):
        bl.load(tmp_path / "deep")


def test_one_changed_byte_is_one_line_of_error(tmp_path):
    FITTED.save(tmp_path / "one")
    content, rng = (tmp_path / "one").read_bytes(), random.Random(0)
    for place in [*range(0, len(content), 7), *range(300)]:
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        (tmp_path / "damaged").write_bytes(changed)
        with pytest.raises(StoreError) as caught:
            db.load_solution(tmp_path / "damaged")
        assert len(str(caught.value).splitlines()) == 1


WEIGHTS = {"weights.0": np.ones((2, 3), np.int8), "weights.1": np.ones((1, 2), np.int8), "ties.0": np.ones(2, np.int8)}


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"kind": "mlp", "n_inputs": 4, "hidden": [2]}},
        {"network": {"kind": "mlp", "n_inputs": 2**40, "hidden": [2]}},
        {"network": {"kind": "perceptron", "n_inputs": 3}},
        {"network": {"kind": "mlp", "n_inputs": 3, "hidden": [2], "more": 1}},
        {"network": {"kind": "mlp", "n_inputs": 3, "hidden": 2}},
        {"network": {"kind": "mlp", "n_inputs": 3, "hidden": [1] * 5000}},
        {"network": {"kind": "convnet", "input_shape": [1, 2, 2], "filters": [1]}},
        {"network": [3]},
        {"network": None},
        {"arrays": {"weights.0": np.zeros((2, 3), np.int8)}},
        {"arrays": {"weights.0": np.ones((3, 2), np.int8)}},
        {"arrays": {"weights.0": np.ones((2, 3), np.float32)}},
        {"arrays": {"weights.2": np.ones((2, 3), np.int8)}},
        {"arrays": {"weights": np.ones((2, 3), np.int8)}},
        {"arrays": {"weights.-1": np.ones((2, 3), np.int8)}},
        {"arrays": {"ties.0": np.zeros(2, np.int8)}},
        {"arrays": {"latents.0": -np.ones((2, 3), np.float32)}},
        {"arrays": {"latents.0": -np.ones((2, 3), np.float32), "latents.1": np.ones((1, 2), np.float32)}},
        {"arrays": {"history": np.ones((2, 2))}},
        {"arrays": {"replicas.errors": np.ones(2)}},
        {"arrays": {"other": np.ones(2)}},
        {"left_out": "ties.0"},
        {"left_out": "weights.1"},
    ],
    ids=str,
)
def test_what_a_stranger_makes_up_is_refused_in_one_line(tmp_path, change):
    path, arrays = tmp_path / "made", WEIGHTS | change.get("arrays", {})
    arrays.pop(change.get("left_out"), None)
    network = change.get("network", {"kind": "mlp", "n_inputs": 3, "hidden": [2]})
    texts = dict(zip(TEXTS, (FORMAT, json.dumps(network), "null"), strict=True))
    save_file(arrays, path, texts | {"sha256": _digest(arrays, texts)})
    with pytest.raises(StoreError, match=r"^.*made: is damaged \(.*\); take it from a copy$") as caught:
        db.load_solution(path)
    assert len(str(caught.value).splitlines()) == 1


def test_the_file_can_be_read_without_deepbridge(tmp_path):
    FITTED.save(tmp_path / "one.safetensors")
    arrays = load_file(tmp_path / "one.safetensors")
    assert same(arrays["latents.1"], FITTED.latents[1])
    assert same(arrays["replicas.weights.2"], FITTED.replicas.weights[2])


def test_built_in_algorithms_are_known_in_a_process_that_has_used_nothing(tmp_path):
    network = db.BinaryMLP(3, ())
    data = db.Dataset(np.ones((2, 3), np.int16), np.array([1, -1]), 2)
    db.fit(network, data, db.SGD(epochs=1), 0, progress=False).save(tmp_path / "one.safetensors")
    code = f"import deepbridge as db; print(db.load_solution({str(tmp_path / 'one.safetensors')!r}).algorithm)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("SGD(")
