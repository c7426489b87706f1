"""Sweeps over a user's own arrays."""

import shutil

import numpy as np
import pytest

import binland as bl
from binland.errors import DataError, InvalidInputError, StoreError
from binland.sweep.config import check_settings
from binland.sweep.store.store import Store
from tests.sweep.small import changed


def written(path, seed=0, count=40, n=9, **more):
    rng = np.random.default_rng(seed)
    np.savez(path, inputs=rng.choice([-1, 1], (count, n)), labels=rng.choice([-1, 1], count), **more)


def tables(**data):
    return {
        "data": {"kind": "arrays", "file": "mine.npz", **data},
        "model": {"kind": "perceptron"},
        "grid": {"data.n_patterns": [10, 20], "disorder_samples": 2},
        "algorithms": {"SGD": {"epochs": 3}},
        "measure": {"local_energy": False, "pair": False},
    }


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written("mine.npz")
    return tmp_path


def run(settings, out):
    return bl.run_sweep(settings, out, report=lambda _: None)


def test_a_sweep_over_own_arrays_trains_on_some_and_tests_on_the_others(here):
    run(tables(), "out.h5")
    whole = np.load("mine.npz")
    seen = []
    for disorder in range(2):
        _, train, test = bl.load_problem("out.h5", disorder, n_patterns=10)
        assert (train.n_patterns, test.n_patterns) == (10, 30)
        rows = [tuple(row) for patterns in (train, test) for row in np.c_[patterns.inputs, patterns.labels]]
        assert sorted(rows) == sorted(map(tuple, np.c_[whole["inputs"], whole["labels"]]))
        solution = bl.load_solution("out.h5", n_patterns=10, algorithm="SGD", disorder=disorder)
        stored = bl.load_results("out.h5").sel(n_patterns=10, algorithm="SGD", disorder=disorder, solution=0)
        assert solution.error(train) == stored.train_error
        assert solution.error(test) == stored.test_error
        seen.append(train.inputs.tobytes())
    assert len(set(seen)) == 2


def test_what_an_array_file_holds_is_part_of_the_sweep_and_its_place_is_not(here):
    run(tables(), "out.h5")
    shutil.move("mine.npz", "moved.npz")
    run(tables(file="moved.npz"), "out.h5")
    written("moved.npz", seed=1)
    with pytest.raises(StoreError, match=r"data.sha256"):
        run(tables(file="moved.npz"), "out.h5")
    with pytest.raises(DataError, match=r"moved.npz: holds other patterns than when"):
        bl.load_problem("out.h5", n_patterns=10)


def test_a_file_that_is_written_anew_in_the_same_process_is_read_anew(here):
    one = run(tables(), "one.h5")
    written("mine.npz", seed=1)
    two = run(tables(), "two.h5")
    assert one.settings["data"]["sha256"] != two.settings["data"]["sha256"]
    with pytest.raises(DataError, match="holds other patterns than when the sweep was made"):
        bl.load_problem("one.h5", n_patterns=10)
    assert bl.load_problem("two.h5", n_patterns=10).train.n_patterns == 10


def test_a_strangers_file_makes_nobody_read_another_file(here):
    run(tables(), "out.h5")
    text = Store.open("out.h5").spec.text()
    sha = Store.open("out.h5").settings["data"]["sha256"]
    with changed(here / "out.h5") as file:
        file.attrs["config"] = text.replace(f'"sha256": "{sha}"', '"sha256": null').replace("mine.npz", "secret.npz")
    written("secret.npz")
    with pytest.raises(StoreError, match=r"is found in the file; remove it|sha256 is missing"):
        bl.load_solution("out.h5", n_patterns=10, algorithm="SGD")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"file": "none.npz"}, r"^x: data: .*none.npz: cannot be read \(No such file"),
        ({"inputs": "input"}, r"has no array 'input'; it has inputs, labels"),
        ({"n_classes": 5}, r"^x: data: n_classes is found in the file; remove it$"),
        ({"n_test": 31}, r"30 patterns are left for tests \(n_test = 31\)"),
    ],
)
def test_bad_arrays_are_one_line(here, data, message):
    with pytest.raises(InvalidInputError, match=message):
        check_settings(tables(**data), "x")
