"""A sweep of a second and helpers around it."""

import os
import tomllib
from contextlib import contextmanager

import h5py
import numpy as np
import xarray as xr

import binland as bl
from binland.sweep.config import check_settings
from binland.sweep.store.layout import layout_of
from binland.sweep.store.seal import LENGTH, check_seal, seal
from binland.sweep.store.store import Store
from binland.sweep.tasks import Cell, Outcome, Task

WHOLE = bool(os.environ.get("BINLAND_WHOLE_CORPUS"))  # every case of the largest tests, which takes an hour
TEXT = """
title = "small"
seed = 3
[data]
latent_dim = 11
n_patterns = 30
n_test = 50
[model]
kind = "committee"
n_hidden = 5
[grid]
n_inputs = [21, 31]
disorder_samples = 2
solutions = 2
[algorithms.SGD]
epochs = 4
[algorithms.RSGD]
epochs = 3
replicas = 2
[measure]
fractions = [0.05, 0.1]
realizations = 3
orders = 2
[smoke.grid]
n_inputs = [21]
"""


def settings(**changes):
    """Plain settings, without [smoke]; changes are `section={key: value}` (algorithms: all of them) or `key=value`."""
    plain = tomllib.loads(TEXT)
    plain.pop("smoke")
    for section, change in changes.items():
        merged = isinstance(change, dict) and section != "algorithms"
        plain[section] = {**plain.get(section, {}), **change} if merged else change
    return plain


def spec(**changes):
    return check_settings(settings(**changes), "small")


def tasks(small):
    """Every task of a sweep."""
    return layout_of(small).tasks()


def cell(n_inputs=21, disorder=0, algorithm="SGD"):
    """A cell of the small sweep."""
    return Cell(((21, 31).index(n_inputs),), disorder, algorithm)


def training(cell, solution):
    """The task that trains a solution."""
    return Task("solution", cell, (solution,))


def errors(cell, solution):
    """The task that measures the errors of a solution."""
    return Task("errors", cell, (solution,))


def pair(cell, start, end):
    """The task that measures a pair."""
    return Task("pair", cell, (start, end))


def assert_same_numbers(path, other, small=None):
    """Two result files hold the same, times and provenance apart."""
    a, b = (bl.load_results(p) for p in (path, other))
    a, b = (data.drop_vars([name for name in data if name.endswith("_seconds")]) for data in (a, b))
    xr.testing.assert_identical(a.drop_attrs(), b.drop_attrs())
    with Store.open(path).snapshot() as one, Store.open(other).snapshot() as two:
        for task in tasks(small or spec()):
            if task.kind == "solution":
                assert np.array_equal(one.values(task, "weights"), two.values(task, "weights"))


def outcome_of(path, task, **changes):
    """What a worker gave for a task that is done in a file; other arrays in place of some."""
    small = Store.open(path).spec
    with Store.open(path).snapshot() as snapshot:
        arrays, seconds, _ = snapshot.outcome(task)
    if "weights" in arrays:
        setup = small.at(task.cell.point)
        arrays["weights"] = arrays["weights"][: -(-small.family.n_weights(setup.model, setup.inputs) // 8)]
    return Outcome(arrays | changes, seconds)


@contextmanager
def changed(path):
    """A result file that is changed by somebody who knows how to seal it."""
    if check_seal(path):
        os.truncate(path, path.stat().st_size - LENGTH)
    with h5py.File(path, "r+") as file:
        yield file
    seal(path)
