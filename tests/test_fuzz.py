"""Whatever the arguments are: a result, or one line of a BinlandError; no other exception, no file, no large memory.

More of it by hand: `python -m tests.test_fuzz SEED CALLS`.
"""

import array
import datetime
import hashlib
import math
import os
import random
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

import binland as bl
from binland.errors import DataError, InvalidInputError, StoreError
from binland.plots import Page, panels, plot_panel, plot_results
from binland.reports.page import report
from binland.sweep.export import export_csv
from binland.sweep.load import load_problem
from binland.sweep.store.merge import merge
from binland.sweep.store.store import Store
from binland.sweep.workers import in_this_process
from tests.sweep import small

CALLS = 2500
MEMORY = 2**28  # bytes that the package takes this machine to have
GROWTH = 300_000  # kB that the process may grow by

N, H, P = 21, 3, 10
PATTERNS = bl.Patterns.random(P, N, 0)
MANIFOLD = bl.HiddenManifold(N, 5, seed=0)
MACHINE = bl.CommitteeMachine(N, H)
SETTINGS = {"epochs": 1, "batch_size": 5, "learning_rate": 1.0, "ste_window": 1.0, "clip": 1.0, "init_width": 0.25}
SGD = bl.SGD(**SETTINGS)
ONE, TWO, THREE = (bl.fit(MACHINE, PATTERNS, bl.RSGD(**SETTINGS, replicas=2), seed) for seed in (0, 1, 2))
TINY = small.settings(
    grid={"n_inputs": [5], "data.n_patterns": [9], "disorder_samples": 1, "solutions": 1},
    algorithms={"SGD": {"epochs": 1}}, title="tiny", plugins=[], compute={}, figure={"local_energy": {}},
    measure={"errors": True, "local_energy": {"realizations": 3}, "pair": {"pairs": "within"}},
)  # fmt: skip


class Whole(int):
    """An int of another type."""


class Word(str):
    """A text of another type."""


class Rude:
    """Does not even say what it is."""

    def __repr__(self):
        raise RuntimeError("rude")

    def __array__(self, *_, **__):
        raise RuntimeError("no array")


class Mine(bl.SGD):
    """An algorithm that nobody can train with."""


def recursive():
    found = [1]
    found.append(found)
    return found


TEXTS = [
    "",
    "count",
    "exact",
    "binary",
    "smoke",
    "none.h5",
    "a\nb",
    "\x1b[31m",
    "a\0b",
    "\udcff",
    "x" * 300,
    "x" * 10**6,
]
NUMBERS = [0, 1, 2, 3, N, -1, 2**31 - 1, 2**31, 2**63, 10**400, -(10**400), 0.0, -0.0, 0.5, 1.0, 1e-320, 1e308, 1j]
POOL = [
    *(lambda value=value: value for value in [None, True, False, math.nan, math.inf, -math.inf, *NUMBERS]),
    *(lambda value=value: value for value in [*TEXTS, "x" * 300, "x" * 10**6]),
    *(lambda value=value: value for value in [Fraction(1, 3), Fraction(10**400), Decimal("0.5"), Decimal("sNaN")]),
    *(lambda kind=kind: kind(1) for kind in [np.int64, np.uint8, np.float32, np.longdouble, np.bool_, np.complex64]),
    *(lambda value=value: value for value in [Whole(3), Word("count"), np.str_("count"), b"count", bytearray(b"x")]),
    lambda: np.float64(math.nan),
    lambda: np.datetime64("2020-01-01"),
    lambda: np.timedelta64(3, "D"),
    lambda: datetime.datetime(2020, 1, 1),
    lambda: datetime.timedelta(3),
    # arrays
    lambda: np.array(3),
    lambda: np.array([]),
    lambda: np.ones(N),
    lambda: -np.ones(P, np.int8),
    lambda: np.ones((P, N), np.float16),
    lambda: np.ones((H, N), np.int8),
    lambda: np.full((H, N), 1e300),
    lambda: np.full((H, N), math.nan),
    lambda: np.array(["count", "exact"]),
    lambda: np.array([None, object()]),
    lambda: np.array([Fraction(1, 2), Decimal("0.5")]),
    lambda: np.array([(1, 2.0)], [("a", int), ("b", float)]),
    lambda: np.ones(N, complex),
    lambda: np.ones(N, bool),
    lambda: np.array(["2020-01-01"], "M8[D]"),
    lambda: np.broadcast_to(np.int8(1), (2**31 - 1, 2**31 - 1)),
    lambda: np.ma.masked_array(np.ones(N), np.arange(N) % 2),
    lambda: memoryview(np.ones(N)),
    lambda: array.array("b", [1, -1]),
    # containers
    lambda: [],
    lambda: [1, -1],
    lambda: [[1, -1], [1]],
    lambda: [0.1, 0.5],
    lambda: [10**400],
    lambda: ["count"],
    lambda: (),
    lambda: (1, 2),
    lambda: (1.0, 2),
    lambda: (0, 0),
    lambda: {},
    lambda: {1},
    lambda: {"model": {"kind": "committee"}},
    lambda: range(10**12),
    lambda: iter([1]),
    lambda: (x for x in [1, -1]),
    recursive,
    # other libraries
    lambda: torch.ones(N),
    lambda: torch.ones(H, N, requires_grad=True),
    lambda: torch.ones(P, N, dtype=torch.bfloat16),
    lambda: pd.Series(np.ones(P)),
    lambda: pd.DataFrame(np.ones((P, N))),
    lambda: pd.Timestamp("2020-01-01"),
    lambda: pd.NA,
    lambda: pd.NaT,
    lambda: pd.Series([1, None], dtype="Int64"),
    lambda: pd.Categorical(["count"]),
    lambda: xr.DataArray(np.ones((P, N))),
    # seeds
    lambda: np.random.default_rng(0),
    lambda: np.random.Generator(np.random.MT19937(0)),
    lambda: np.random.Generator(np.random.Philox(0)),
    lambda: np.random.RandomState(0),
    lambda: np.random.SeedSequence(5),
    lambda: np.random.PCG64(0),
    # paths
    lambda: Path("none.h5"),
    lambda: Path("a\0b"),
    lambda: Path(),
    lambda: Path("/dev/null"),
    # anything
    object,
    lambda: object,
    lambda: print,
    lambda: np,
    lambda: ValueError("x"),
    Rude,
    # the package's own
    lambda: PATTERNS,
    lambda: bl.Patterns.random(P, 5, 0),
    lambda: ONE,
    lambda: bl.Solution(bl.Perceptron(5), np.ones(5)),
    lambda: bl.Perceptron(N),
    lambda: bl.CommitteeMachine(N, 2**31 - 1),
    lambda: bl.CommitteeMachine(N, 2000, (1, -1) * 1000),
    lambda: SGD,
    lambda: bl.RSGD(**SETTINGS, replicas=2**31 - 1),
    Mine,
    lambda: small.spec(),
]


def pure_calls():
    """Functions that only compute, with good arguments."""
    yield bl.Patterns, {"inputs": PATTERNS.inputs, "labels": PATTERNS.labels}
    yield bl.Patterns.random, {"n_patterns": P, "n_inputs": N, "seed": 0}
    yield PATTERNS.with_random_labels, {"seed": 0}
    kinds = {"teacher_kind": "binary", "feature_kind": "binary"}
    yield bl.HiddenManifold, {"n_inputs": N, "latent_dim": 5, "seed": 0, **kinds}
    yield MANIFOLD.sample, {"n_patterns": P, "seed": 0}
    yield bl.Teacher, {"n_inputs": N, "seed": 0, "teacher_kind": "gaussian"}
    yield bl.Teacher(N, 0).sample, {"n_patterns": P, "seed": 0}
    yield bl.Perceptron, {"n_inputs": N}
    yield bl.CommitteeMachine, {"n_inputs": N, "n_hidden": H, "output_weights": (1, -1, 1)}
    yield bl.CommitteeMachine.with_random_outputs, {"n_inputs": N, "n_hidden": H, "seed": 0}
    yield bl.SGD, {**SETTINGS, "output_scale": 1.0, "stop_at_zero_error": True}
    replicas = {"replicas": 2, "coupling": 0.1, "coupling_growth": 1.0, "coupling_form": "after_epoch"}
    yield bl.RSGD, {**SETTINGS, **replicas}
    yield bl.ADV, {**SETTINGS, "pretrain_epochs": 1, "pretrain_learning_rate": 1.0}
    yield bl.FBP, {"steps": 3, "exponent": 0.5, "sweeps": 2, "tolerance": 0.1, "damping": 0.5, "method": "exact"}
    yield bl.RBP, {"sweeps": 3, "rate": 0.1, "damping": 0.5, "initial": 0.1, "method": "auto"}
    yield made_and_used, {"machine": MACHINE, **{name: getattr(ONE, name) for name in KEPT}}
    for method in (ONE.error, ONE.error_count, ONE.preactivations):
        yield method, {"patterns": PATTERNS}
    yield ONE.predict, {"inputs": PATTERNS.inputs}
    yield bl.fit, {"machine": MACHINE, "patterns": PATTERNS, "algorithm": SGD, "seed": 0, "start": ONE.latents}
    sampled = {"realizations": 2, "seed": 0, "flips": "count", "method": "sampled"}
    for options in (sampled, {"flips": "independent", "method": "exact"}):
        yield bl.local_energy, {"solution": ONE, "patterns": PATTERNS, "fractions": [0.1, 0.5], **options}
    passing = {"method": "gaussian", "damping": 0.1, "tolerance": 0.01, "max_sweeps": 20, "seed": 0}
    fields = np.ones((H, N))
    yield bl.belief_propagation, {"machine": MACHINE, "patterns": PATTERNS, "fields": fields, "initial": 0.1, **passing}
    for options in ({"distances": [0.1, 0.3]}, {"fields": [1.0, 0.2]}):
        yield bl.local_entropy, {"solution": ONE, "patterns": PATTERNS, **options, **passing}
    yield bl.hamming, {"a": ONE, "b": TWO}
    yield bl.align, {"solution": ONE, "to": TWO}
    ends = {"start": ONE, "end": TWO, "patterns": PATTERNS}
    yield bl.shortest_path, {**ends, "seed": 0}
    yield bl.barrier, {**ends, "orders": 2, "seed": 0}
    yield bl.optimized_path, {**ends, "algorithm": SGD, "seed": 0}
    three = {"first": ONE, "second": TWO, "third": THREE}
    yield bl.plane, {**three, "patterns": PATTERNS, "points": 3, "margin": 0.1}


KEPT = ("weights", "latents", "history", "replicas", "algorithm")


def made_and_used(**fields):
    """A solution, and what it is used for."""
    solution = bl.Solution(**fields)
    bl.align(solution, ONE)
    bl.optimized_path(solution, ONE, PATTERNS, SGD)
    return repr(solution)


def file_calls(finished):
    """Functions that read and write files, with good arguments."""
    saved = Path(finished).parent.parent / "saved"
    data = Path(finished).parent.parent / "data.npz"
    if not saved.exists():
        ONE.save(saved)
        np.savez(data, inputs=PATTERNS.inputs, labels=PATTERNS.labels)
    yield bl.load_results, {"path": finished}
    place = {"size": 21, "algorithm": "SGD", "disorder": 0, "solution": 0}
    yield bl.load_solution, {"path": finished, **place}
    yield bl.load_solution, {"path": finished, "n_inputs": 21, "algorithm": "SGD"}
    yield load_problem, {"path": finished, "disorder": 1, "n_inputs": 31}
    yield ONE.save, {"path": "one"}
    yield bl.load, {"path": saved}
    yield bl.load_patterns, {"path": data, "inputs": "inputs", "labels": "labels"}
    yield Store.open, {"path": finished}
    options = {"workers": 1, "smoke": False, "report": print, "profile": None, "scheduler": None, "extend": False}
    more = {"retry_failed": False, "part": (1, 1)}
    yield bl.run_sweep, {"config": TINY, "out": "out.h5", **options, **more}
    yield merge, {"sources": [finished], "out": "out.h5"}
    yield export_csv, {"path": finished, "out": "out.csv"}
    shape = {"style": "paper", "formats": ["png"], "dpi": 50, "width": 80.0, "title": True, "latex": False}
    yield Page, shape
    more = {"theory": False, "page": None, "csv": True, "only": ["barrier"]}
    yield plot_results, {"path": finished, "out": "figures", **more}
    yield panels, {"path": finished, "theory": True}
    yield plot_panel, {"path": finished, "name": "barrier", "ax": Figure().subplots(), "theory": False}
    yield report, {"paths": [finished], "out": "report.html", "theory": False, "statements": None}


SLOW = (plot_panel, panels, report, plot_results, export_csv)


def changed(rng, arguments):
    """The arguments with one or two of them, or a setting in a configuration, something else."""
    found = dict(arguments)
    for name in rng.sample(sorted(found), min(len(found), rng.choice([1, 1, 1, 2]))):
        value = rng.choice(POOL)()
        if name == "report" and callable(value):
            value = print  # others may raise what they like
        if name == "config" and rng.random() < 0.7:
            section = rng.choice(sorted(TINY))
            inner = TINY[section]
            value = {
                **TINY,
                section: {**inner, rng.choice(sorted(inner)): value} if inner and isinstance(inner, dict) else value,
            }
        found[name] = value
    return found


def trouble(function, arguments, folder):
    """What is wrong with the outcome of a call, empty if nothing; the folder is empty before and after."""
    wrong = ""
    try:
        function(**arguments)
    except (DataError, InvalidInputError, StoreError) as error:
        text = str(error)
        if len(text.splitlines()) != 1 or len(text) > 2000:
            wrong = f"a message of {len(text)} letters in {len(text.splitlines())} lines: {text[:300]}"
        elif os.listdir(folder):
            wrong = f"left behind: {os.listdir(folder)}"
    except Exception:
        wrong = traceback.format_exc(limit=-3)
    empty(folder)
    return wrong


def empty(folder):
    for name in os.listdir(folder):
        shutil.rmtree(name) if os.path.isdir(name) else os.unlink(name)


def fuzz(seed, calls, finished, folder):
    """All that is wrong in so many calls, and how many of each function were accepted."""
    rng, found, tried = random.Random(seed), [], Counter()
    pure, files = list(pure_calls()), list(file_calls(finished))
    for _ in range(calls):
        function, arguments = rng.choice(pure if rng.random() < 0.85 else files)
        if function in SLOW and rng.random() < 0.8:
            continue
        given = changed(rng, arguments)
        tried[function.__qualname__] += 1
        wrong = trouble(function, given, folder)
        if wrong:
            names = {name: type(value) for name, value in given.items() if value is not arguments[name]}
            found.append(f"{function.__qualname__} with {names}: {wrong}")
    return found, tried


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """An empty folder to work in; nobody starts workers; little memory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("binland.checks.memory", lambda: MEMORY)
    monkeypatch.setattr("binland.sweep.run.Cluster", lambda *_: in_this_process)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # even sizes, parts without tasks
        yield folder


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.mark.slow
def test_whatever_the_arguments_are(finished, guarded):
    before = digest(finished), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, sorted(finished.parent.iterdir())
    found, tried = fuzz(0, CALLS, str(finished), guarded)
    assert not found, "\n".join(found[:5])
    assert sum(tried.values()) > 2000
    assert (digest(finished), sorted(finished.parent.iterdir())) == (before[0], before[2])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before[1] + GROWTH


@pytest.mark.slow
def test_the_good_arguments_are_good(finished, guarded):
    for function, arguments in [*pure_calls(), *file_calls(finished)]:
        function(**arguments)
        empty(guarded)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        bl.run_sweep(small.spec(), f"{place}/whole.h5")
        (here := Path(place) / "here").mkdir()
        patch.chdir(here)
        patch.setattr("binland.checks.memory", lambda: MEMORY)
        patch.setattr("binland.sweep.run.Cluster", lambda *_: in_this_process)
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)
        mistakes, counts = fuzz(int(sys.argv[1]), int(sys.argv[2]), f"{place}/whole.h5", str(here))
        print("\n\n".join(mistakes), counts, f"{len(mistakes)} mistakes", sep="\n")
