import json
import os
import random
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.solution_file import FORMAT
from tests.problems import problems, signs

PATTERNS = bl.Patterns.random(12, 21, 0)
MACHINE = bl.CommitteeMachine(21, 3, (1, -1, 1))
FITTED = bl.fit(MACHINE, PATTERNS, bl.RSGD(epochs=3, replicas=2, ste_window=float("inf")), 0)


@dataclass(frozen=True, kw_only=True)
class Drawn(bl.Algorithm):
    """Any weights."""

    temperatures: tuple[float, ...] = (1.0, 0.5)
    other: object = None

    def fit(self, machine, data, seed, start=None):
        return bl.Solution(machine, signs(np.random.default_rng(seed), machine.weight_shape))


def same(a, b):
    """Whether two values are the same to the last bit, types included."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


def assert_same(one, two):
    for name in ("machine", "weights", "latents", "history", "algorithm"):
        assert same(getattr(one, name), getattr(two, name)), name
    assert (one.replicas is None) == (two.replicas is None)
    for name in ("weights", "errors", "history", "spread") if one.replicas is not None else ():
        assert same(getattr(one.replicas, name), getattr(two.replicas, name)), name


@given(problems(), st.sampled_from(["weights", "SGD", "RSGD", "ADV", "latents"]), st.integers(0, 3))
def test_a_solution_comes_back_to_the_last_bit(tmp_path_factory, problem, kind, epochs):
    path = tmp_path_factory.mktemp("solution") / "one.safetensors"
    solution = problem.solution()
    if kind == "latents":
        latents = (solution.weights * problem.rng.exponential(size=solution.weights.shape)).astype(np.float32)
        history = problem.rng.random(epochs)
        history[: epochs // 2] = np.nan
        solution = replace(solution, latents=latents, history=history)
    elif kind != "weights":
        algorithm = {"SGD": bl.SGD, "RSGD": bl.RSGD, "ADV": bl.ADV}[kind](epochs=epochs, learning_rate=0.1 + 0.2)
        algorithm = replace(algorithm, **({"pretrain_epochs": 1} if kind == "ADV" else {}))
        solution = bl.fit(problem.machine, problem.patterns, algorithm, problem.rng)
    solution.save(path)
    assert_same(solution, bl.load(path))


def test_own_algorithms_come_back_where_they_are_defined(tmp_path):
    path = tmp_path / "own"
    solution = bl.fit(MACHINE, PATTERNS, Drawn(temperatures=(0.1, 0.2)), 0)
    solution.save(path)
    assert bl.load(path).algorithm == solution.algorithm


def test_of_two_algorithms_with_one_name_the_right_one_comes_back(tmp_path, monkeypatch):
    @dataclass(frozen=True, kw_only=True)
    class SGD(bl.SGD):
        """Not binland's."""

    given = replace(FITTED, algorithm=SGD(epochs=3)), replace(FITTED, algorithm=bl.SGD(epochs=3))
    for k, solution in enumerate(given):
        solution.save(tmp_path / str(k))
        assert_same(bl.load(tmp_path / str(k)), solution)
    monkeypatch.setattr(bl.SGD, "__module__", "binland.elsewhere")  # moved, and still the only one of its package
    assert type(bl.load(tmp_path / "1").algorithm) is bl.SGD
    monkeypatch.setattr(bl.SGD, "__module__", "elsewhere")
    with pytest.warns(UserWarning, match="is unknown here"):
        assert bl.load(tmp_path / "1").algorithm is None


@pytest.mark.parametrize("gone", ["name", "setting", "value"])
def test_an_unknown_algorithm_is_left_out_with_a_warning(tmp_path, monkeypatch, gone):
    path = tmp_path / "own"
    solution = bl.fit(MACHINE, PATTERNS, Drawn(), 0)
    solution.save(path)
    if gone == "name":
        monkeypatch.setattr("binland.loading._known", lambda kind: iter([bl.SGD]))
    else:
        monkeypatch.setattr(Drawn, "__init__", {"setting": lambda self: None, "value": refuse}[gone])
    with pytest.warns(UserWarning, match=r"own: the algorithm .*'Drawn'.* is unknown here, so \.algorithm is None; "):
        found = bl.load(path)
    assert found.algorithm is None
    assert np.array_equal(found.weights, solution.weights)


def refuse(self, **settings):
    raise OSError("whatever a constructor raises")


def test_settings_that_are_not_plain_are_refused(tmp_path):
    solution = bl.fit(MACHINE, PATTERNS, Drawn(other=object()), 0)
    with pytest.raises(InvalidInputError, match=r"has settings that are not plain .*algorithm=None\)$"):
        solution.save(tmp_path / "one")
    assert os.listdir(tmp_path) == []


def test_nothing_is_replaced_and_nothing_left_behind(tmp_path, monkeypatch):
    path = tmp_path / "one"
    FITTED.save(path)
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (path, tmp_path / "link", tmp_path):
        with pytest.raises(StoreError, match=r": (is there already|cannot be written \(.*\)); choose another name$"):
            FITTED.save(taken)
    for impossible in (tmp_path / "no" / "folder", tmp_path / ("x" * 300), f"{tmp_path}/a\0b"):
        with pytest.raises(StoreError, match=r"cannot be written \(.*\); choose another name$"):
            FITTED.save(impossible)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StoreError, match="No space left on device"):
        FITTED.save(tmp_path / "two")
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["link", "one"]


def test_without_hard_links_nothing_is_replaced_either(tmp_path, monkeypatch):
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
    FITTED.save(tmp_path / "one")
    with pytest.raises(StoreError, match="is there already"):
        FITTED.save(tmp_path / "one")
    assert_same(bl.load(tmp_path / "one"), FITTED)
    assert os.listdir(tmp_path) == ["one"]


def test_other_files_are_refused_in_one_line(tmp_path, monkeypatch):
    path = tmp_path / "one"
    FITTED.save(path)
    contents = {
        "empty": b"",
        "text": b"weights = 3",
        "huge": (2**62).to_bytes(8, "little") + b"{}",
        "nested": (4000).to_bytes(8, "little") + b"[" * 4000,
        "null": (21).to_bytes(8, "little") + b'{"__metadata__":null}',
        "part": path.read_bytes()[:-1],
        "more": path.read_bytes() + b"\0",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    save_file({"weights": np.ones(3, np.int8)}, tmp_path / "foreign")
    save_file({"weights": np.ones(3, np.int8)}, tmp_path / "newer", {"format": "binland-solution-9"})
    os.mkfifo(tmp_path / "pipe")
    for name in (*contents, "foreign", "newer", "pipe", "missing", ".", "a\0b"):
        with pytest.raises(StoreError) as caught:
            bl.load(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1
        assert re.search(r"; (give|take)|update binland$", str(caught.value)), str(caught.value)
    monkeypatch.setattr("binland.checks.memory", lambda: 1000)
    with pytest.raises(InvalidInputError, match="of memory; this machine has"):
        bl.load(path)


def test_one_changed_byte_is_one_line_of_error(tmp_path):
    path, damaged = tmp_path / "one", tmp_path / "damaged"
    FITTED.save(path)
    content, rng = path.read_bytes(), random.Random(0)
    for place in [*range(0, len(content), 7), *range(700)]:
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        damaged.write_bytes(changed)
        with pytest.raises(StoreError) as caught:
            bl.load(damaged)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"machine": {"kind": "perceptron", "n_inputs": 4}},
        {"machine": {"kind": "perceptron", "n_inputs": 2**40}},
        {"machine": {"kind": "convnet", "n_inputs": 3}},
        {"machine": {"kind": "perceptron", "n_inputs": 3, "more": 1}},
        {"machine": [3]},
        {"arrays": {"weights": np.array([1, 0, 1], np.int8)}},
        {"arrays": {"weights": np.ones((1, 3), np.int8)}},
        {"arrays": {"weights": np.ones(3, np.float32)}},
        {"arrays": {"weights": np.ones(3, np.int8), "latents": -np.ones(3, np.float32)}},
        {"arrays": {"weights": np.ones(3, np.int8), "other": np.ones(3, np.int8)}},
        {"arrays": {"weights": np.ones(3, np.int8), "replicas.spread": np.array(0.5)}},
        {"arrays": {"latents": np.ones(3, np.float32)}},
    ],
    ids=str,
)
def test_what_a_stranger_makes_up_is_refused_in_one_line(tmp_path, change):
    from binland.array_file import TEXTS, _digest

    path, arrays = tmp_path / "made", change.get("arrays", {"weights": np.ones(3, np.int8)})
    machine = change.get("machine", {"kind": "perceptron", "n_inputs": 3})
    texts = dict(zip(TEXTS, (FORMAT, json.dumps(machine), "null"), strict=True))
    save_file(arrays, path, texts | {"sha256": _digest(arrays, texts)})
    with pytest.raises(StoreError, match=r"^.*made: is damaged \(.*\); take it from a copy$") as caught:
        bl.load(path)
    assert len(str(caught.value).splitlines()) == 1


def test_the_file_can_be_read_without_binland(tmp_path):
    FITTED.save(tmp_path / "one.safetensors")
    arrays = load_file(tmp_path / "one.safetensors")
    assert same(arrays["latents"], FITTED.latents)
    assert same(arrays["replicas.weights"], FITTED.replicas.weights)
