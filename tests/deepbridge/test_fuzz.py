"""Whatever is given to a public function: a result, or one short line that says what is wrong."""

import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import binland as bl
import deepbridge as db
from binland.errors import DataError, InvalidInputError, StoreError
from deepbridge.binary.merging import merge
from tests.deepbridge.problems import Problem, random_data

CALLS = 3000
TWICE = 0.3  # of the calls have two arguments replaced
LONGEST, MEGABYTES = 2000, 500


class Odd:
    """Of no type that anything takes, and without a text."""

    def __repr__(self):
        raise RuntimeError("no text")


class Folder:
    """A path of bytes."""

    def __fspath__(self):
        return b"folder"


class Own(db.SGD):
    """A subclass of an algorithm."""


def objects():
    """What valid calls are made of."""
    rng = np.random.default_rng(0)
    network, data = db.BinaryMLP(6, (3, 2), 3), random_data(rng, (6,), 3, 12)
    solutions = [Problem(network, data, rng).solution(latents=True) for _ in range(3)]
    patterns = bl.Patterns.random(9, 5, 0)
    machine = bl.CommitteeMachine(5, 3)
    return {
        "network": network,
        "data": data,
        "solutions": solutions,
        "algorithm": db.SGD(epochs=1, learning_rate=0.5),
        "convnet": db.BinaryConvNet((1, 5, 5), (2,), (3,), 3, 2, 2),
        "images": random_data(rng, (1, 5, 5), 3, 6),
        "patterns": patterns,
        "machine": machine,
        "shallow": bl.fit(machine, patterns, bl.RSGD(epochs=1, replicas=2), 0),
        "replicated": db.fit(network, data, db.RSGD(epochs=1, replicas=2, learning_rate=0.5), 0),
    }


def valid_calls(o, folder):
    """Name -> callable and arguments that it takes."""
    if not (folder / "kept").exists():
        o["replicated"].save(folder / "kept")
    a, b, c = o["solutions"]
    network, data, algorithm = o["network"], o["data"], o["algorithm"]
    ways = {"seed": 0, "device": "cpu"}
    common = {"learning_rate": 0.5, "epochs": 3, "batch_size": 5, "ste_window": 1.0, "clip": 1.0, "init_width": 1.0}
    common |= {"output_scale": 1.0, "stop_at_zero_error": False, "optimizer": "sgd", "history_every": 1}
    common |= {"learning_rate_steps": ((1, 0.5),)}
    coupling = {"replicas": 2, "coupling": 0.1, "coupling_growth": 1.0, "coupling_form": "after_batch"}
    pretrain = {"pretrain_epochs": 1, "pretrain_learning_rate": 0.5, "pretrain_optimizer": "adam"}
    train = {"network": network, "data": data, "algorithm": algorithm, "start": a.latents, "device": "cpu"}
    train |= {"dtype": "float64", "checkpoint": folder / "run.pt", "checkpoint_seconds": 0.0, "progress": False}
    images = {"network": o["convnet"], "data": o["images"], "algorithm": algorithm, "start": None}
    made = {"network": network, "weights": a.weights, "latents": a.latents, "ties": a.ties, "history": np.ones(2)}
    made |= {"replicas": o["replicated"].replicas, "algorithm": algorithm}
    two = {"start": a, "end": b, "data": data}
    return {
        "SGD": (db.SGD, common),
        "RSGD": (db.RSGD, common | coupling),
        "ADV": (db.ADV, common | pretrain),
        "BinaryMLP": (db.BinaryMLP, {"n_inputs": 6, "hidden": (3,), "n_outputs": 1, "fixed_output": True}),
        "BinaryConvNet": (
            db.BinaryConvNet,
            {"input_shape": (1, 5, 5), "filters": (2,), "hidden": (3,), "n_outputs": 3, "filter_size": 2, "pool": 2},
        ),
        "Dataset": (db.Dataset, {"inputs": data.inputs, "labels": data.labels, "n_classes": 3, "scale": 1.0}),
        "from_real": (db.Dataset.from_real, {"inputs": np.ones((2, 3)), "labels": [0, 1], "n_classes": 3}),
        "from_patterns": (db.Dataset.from_patterns, {"patterns": o["patterns"]}),
        "with_random_labels": (data.with_random_labels, {"seed": 0}),
        "Solution": (db.Solution, made),
        "from_shallow": (db.Solution.from_shallow, {"solution": o["shallow"]}),
        "error": (a.error, {"data": data}),
        "error_count": (a.error_count, {"data": data}),
        "predict": (a.predict, {"inputs": data.inputs}),
        "save": (o["replicated"].save, {"path": folder / "run.pt.solution"}),
        "load_solution": (db.load_solution, {"path": folder / "kept"}),
        "fit": (db.fit, train | {"seed": 0}),
        "fit images": (db.fit, images | {"seed": 0}),
        "fit_many": (db.fit_many, train | {"seeds": [0, 1]}),
        "align": (db.align, {"solution": a, "to": b, "method": "greedy", "seed": 0, "restarts": 1}),
        "align coordinate": (db.align, {"solution": a, "to": b, "method": "coordinate", "seed": 0, "restarts": 1}),
        "align activations": (db.align, {"solution": a, "to": b, "method": "activations", "data": data}),
        "merge": (merge, {"solutions": [a, b, c], "align": "activations", "data": data, "seed": 0}),
        "hamming": (db.hamming, {"a": a, "b": b}),
        "shortest_path": (db.shortest_path, two | ways | {"points": 5}),
        "barrier": (db.barrier, two | ways | {"orders": 2, "points": 5}),
        "optimized_path": (db.optimized_path, two | ways | {"algorithm": algorithm, "points": 5}),
        "optimized_midpoint": (db.optimized_midpoint, two | ways | {"algorithm": algorithm, "progress": False}),
        "local_energy": (
            db.local_energy,
            ways | {"solution": a, "data": data, "fractions": [0.1, 0.5], "realizations": 2},
        ),
        "plane": (
            db.plane,
            {"first": a, "second": b, "third": c, "data": data, "points": 3, "margin": 0.1, "device": "cpu"},
        ),
        "load": (
            db.load,
            {"name": "digits", "per_class": 2, "test_per_class": 2, "task": "parity", "seed": 0, "batches": (1,)},
        ),
    }


def plain_values():
    """Scalars, texts, containers and paths."""
    yield from (None, True, False, 0, 1, 2, 3, 5, -1, 7, 2**31 - 1, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**400))
    yield from (0.0, -0.0, 0.5, 1.0, -1.5, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"), 1j, 10**9)
    yield from ("", "x", "sgd", "adam", "parity", "cpu:0", "cuda", "meta", "float32", "after_epoch", "ä" * 10**5)
    yield from ("a\nb", "\x1b]0;title\x07", "a\0b", "\ud800", "\u202e", b"", b"bytes", b"x" * 10**5, bytearray(b"x"))
    yield from ([], (), {}, set(), [1], [1, 2, 3], (1, 1), [[1], [1, 2]], [None], ["x"], [[]], {"x": 1}, {1, 2})
    yield from ([0.5], [float("nan")], [10**400], [-1, 1], [(1, 0.5)], [(0, 0.5), (1, "x")], [[1, 2, 3]], range(3))
    yield from (list(range(1000)), ["x" * 1000] * 100, {k: k for k in range(1000)}, (x for x in (1, 2)), iter([3]))
    yield from (Path("x"), Path("a\0b"), Path("x" * 300), Path("/proc/none/x"), Folder(), Odd(), object(), len, Odd)


def array_values(rng):
    """Arrays of every type and many shapes."""
    for kind in (
        "?",
        "i1",
        "u1",
        "i2",
        "i4",
        "i8",
        "u8",
        "f2",
        "f4",
        "f8",
        "g",
        "c8",
        "O",
        "U3",
        "S2",
        "M8[s]",
        "m8[s]",
    ):
        for shape in ((), (0,), (1,), (3,), (12,), (2, 3), (12, 6), (0, 6), (1, 1, 1), (6, 1, 5, 5)):
            yield np.zeros(shape, kind)
            if kind in ("i1", "i2", "i8", "f4", "f8"):
                yield np.where(rng.random(shape) < 0.5, 1, -1).astype(kind)
    yield np.zeros(2, [("x", int), ("y", float)])
    yield from (np.array([np.nan, 1.0]), np.array(np.inf), np.full((2, 3), 1e300), np.float64(0.5), np.int64(3))
    yield from (np.uint64(2**63), np.str_("sgd"), np.bool_(True), np.float128(10) ** 400, np.array([[None]]))
    yield np.ma.masked_array([1, 2, 3], [True, False, True])
    yield np.asfortranarray(np.ones((12, 6), np.int16))
    still = np.ones((12, 6))
    still.flags.writeable = False
    yield still


def tensor_values():
    """Tensors of every kind."""
    for dtype in (torch.bool, torch.uint8, torch.int64, torch.bfloat16, torch.float16, torch.float32, torch.complex64):
        for shape in ((), (3,), (3, 6), (12, 6)):
            yield torch.ones(shape, dtype=dtype)
    yield from (torch.ones(3, requires_grad=True), torch.nn.Parameter(torch.ones(3, 6)), torch.eye(3).to_sparse())
    yield from (torch.ones(3, device="meta"), torch.ones(3).to(torch.float8_e5m2), torch.nn.Linear(6, 3))
    yield from (torch.nn.Linear(6, 3).state_dict(), torch.device("cpu", 0), torch.device("meta"), torch.float32)
    yield [torch.ones(3, 6, requires_grad=True), torch.ones(2, 3), torch.ones(3, 2)]


def seed_values():
    """Generators of every kind."""
    for kind in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
        yield np.random.Generator(getattr(np.random, kind)(0))
    yield from (np.random.SeedSequence(3), np.random.RandomState(3), np.random.PCG64(3), torch.Generator())


def object_values(o):
    """The packages' own objects, in all the wrong places."""
    for value in o.values():
        yield from value if isinstance(value, list) else [value]
    a = o["solutions"][0]
    yield from (Own(), bl.SGD(epochs=1), bl.ADV(epochs=1, pretrain_epochs=0), bl.Perceptron(3), a.weights, a.latents)
    yield from (db.BinaryMLP(10**9, (10**9,), 3), db.BinaryMLP(6, (10**9,), 3), db.BinaryMLP(6, (1,) * 3000, 3))
    yield db.RSGD(epochs=1, replicas=2**31 - 1, learning_rate=0.5)
    yield db.SGD(epochs=2**31 - 1)
    yield from (db.Solution, db.SGD, db.load("digits", per_class=1)[0], o["replicated"].replicas, o["shallow"].replicas)


def pools(rng, o):
    """Values of each kind."""
    return [
        list(pool) for pool in (plain_values(), array_values(rng), tensor_values(), seed_values(), object_values(o))
    ]


def drawn_value(rng, kinds):
    """Of a kind at random, so that the many arrays do not push out the rest."""
    values = kinds[rng.choice(len(kinds), p=[0.4, 0.2, 0.12, 0.08, 0.2])]
    return values[rng.integers(len(values))]


def fuzz(seed, n_calls, folder):
    """What went wrong: call, arguments, exception."""
    rng, o = np.random.default_rng(seed), objects()
    calls, kinds, wrong, refused = valid_calls(o, folder), pools(rng, o), [], 0
    for _ in range(n_calls):
        name = list(calls)[rng.integers(len(calls))]
        call, arguments = calls[name]
        count = min(len(arguments), 1 + (rng.random() < TWICE))
        changed = {str(key): drawn_value(rng, kinds) for key in rng.choice(list(arguments), count, replace=False)}
        for file in folder.glob("run.pt*"):
            file.unlink()
        try:
            repr(call(**{**arguments, **changed}))
        except (InvalidInputError, StoreError, DataError) as error:
            refused += 1
            line = str(error)
            lost = isinstance(error, DataError) and name != "load"
            if lost or not line.isprintable() or not 0 < len(line) < LONGEST:
                wrong.append((name, changed, f"{type(error).__name__}: {line[:300]!r}"))
        except Exception as error:
            wrong.append((name, changed, f"{type(error).__name__}: {str(error)[:300]!r}"))
    assert n_calls / 3 < refused < n_calls
    return wrong


def test_every_valid_call_is_valid(tmp_path):
    for call, arguments in valid_calls(objects(), tmp_path).values():
        call(**arguments)
        for file in tmp_path.glob("run.pt*"):
            file.unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="counts kilobytes")
def test_whatever_is_given_there_is_a_result_or_one_short_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong = fuzz(0, CALLS, tmp_path)
    assert not wrong, "\n".join(f"{name}({list(changed)}): {problem}" for name, changed, problem in wrong[:20])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024 * MEGABYTES
