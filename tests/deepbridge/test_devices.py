import itertools
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.common.devices import as_device, full_precision
from tests.deepbridge.problems import random_data

BACKENDS = {"generic": ("all",), "cuda": ("all", "matmul", "conv", "rnn"), "mkldnn": ("all", "matmul", "conv", "rnn")}
PRECISIONS = {"generic": ("none", "ieee", "tf32", "bf16"), "cuda": ("none", "ieee", "tf32")}
PRECISIONS["mkldnn"] = PRECISIONS["generic"]
# Every way to set a precision: names of the older interface, then those of the newer one.
SETTERS = {
    f"matmul precision {value}": lambda value=value: torch.set_float32_matmul_precision(value)
    for value in ("highest", "high", "medium")
}
for answer in (True, False):
    SETTERS[f"cublas {answer}"] = lambda answer=answer: setattr(torch.backends.cuda.matmul, "allow_tf32", answer)
    SETTERS[f"cudnn {answer}"] = lambda answer=answer: setattr(torch.backends.cudnn, "allow_tf32", answer)
    SETTERS[f"reduced {answer}"] = lambda answer=answer: setattr(
        torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction", answer
    )
NEWER = hasattr(torch._C, "_set_fp32_precision_setter")
for backend, ops in BACKENDS.items() if NEWER else ():
    for op, value in itertools.product(ops, PRECISIONS[backend]):
        SETTERS[f"{backend} {op} {value}"] = lambda level=(backend, op, value): torch._C._set_fp32_precision_setter(
            *level
        )


def levels():
    pairs = [(backend, op) for backend, ops in BACKENDS.items() for op in ops] if NEWER else []
    return {pair: torch._C._get_fp32_precision_getter(*pair) for pair in pairs}


def readable():
    """What every getter says, and what the levels below say when one above is changed for a moment."""
    found = levels()
    for name, read in {
        "matmul": torch.get_float32_matmul_precision,
        "cublas": lambda: torch.backends.cuda.matmul.allow_tf32,
        "cudnn": lambda: torch.backends.cudnn.allow_tf32,
        "reduced": torch._C._get_cublas_allow_bf16_reduced_precision_reduction,
        "deterministic": lambda: torch.backends.cudnn.deterministic,
        "benchmark": lambda: torch.backends.cudnn.benchmark,
    }.items():
        try:
            found[name] = read()
        except RuntimeError:
            found[name] = "refuses to answer"
    for backend, value in itertools.product(BACKENDS, ("none", "ieee", "tf32")) if NEWER else ():
        before = torch._C._get_fp32_precision_getter("generic", "all")
        torch._C._set_fp32_precision_setter("generic", "all", "none")
        own = torch._C._get_fp32_precision_getter(backend, "all") if backend != "generic" else before
        torch._C._set_fp32_precision_setter(backend, "all", value)
        found[backend, value] = tuple(levels().items())
        torch._C._set_fp32_precision_setter(backend, "all", own)
        torch._C._set_fp32_precision_setter("generic", "all", before)
    return found


def check_around(names):
    """Everything reads as before, and inside all is IEEE; run in a process of its own."""
    for name in names:
        SETTERS[name]()
    before = readable()
    with full_precision():
        assert set(levels().values()) <= {"ieee"}, (names, levels())
        assert torch.get_float32_matmul_precision() == "highest", names
        assert not torch.backends.cuda.matmul.allow_tf32, names
        with full_precision():
            pass
        assert set(levels().values()) <= {"ieee"}, (names, levels())
    assert readable() == before, names


def check_all(seed):
    """Every setting alone and any two of them in a row from what they leave, then longer rows."""
    names = list(SETTERS)
    check_around([])
    for name in names:
        check_around([name])
    rng = np.random.default_rng(seed)
    for pair in itertools.product(names, repeat=2):
        check_around(pair)
    for _ in range(500):
        check_around(rng.choice(names, rng.integers(3, 12)))


def check_fit(names):
    """The numbers of a training are those of full precision."""
    rng = np.random.default_rng(0)
    network = db.BinaryConvNet((2, 9, 9), (8,), (64,), 3, 3, 2)
    data = random_data(rng, (2, 9, 9), 3, 40)
    algorithm = db.SGD(epochs=2, learning_rate=0.5)
    expected = db.fit(network, data, algorithm, 0).latents
    for name in names:
        SETTERS[name]()
        found = db.fit(network, data, algorithm, 0).latents
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True)), name


def in_a_process(call):
    """The settings of this process stay as they are."""
    code = f"import warnings; warnings.simplefilter('error'); from tests.deepbridge import test_devices as t; t.{call}"
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_inside_is_full_precision_and_afterwards_all_is_as_before():
    in_a_process("check_all(0)")


def test_a_training_does_not_depend_on_what_precision_is_set():
    in_a_process("check_fit(t.SETTERS)")


def test_without_the_newer_interface_the_older_one_is_used(monkeypatch):
    monkeypatch.delattr(torch._C, "_set_fp32_precision_setter", raising=False)
    torch.set_float32_matmul_precision("high")
    allowed = torch.backends.cudnn.allow_tf32
    try:
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.backends.cudnn.allow_tf32 == allowed
    finally:
        torch.set_float32_matmul_precision("highest")


def test_autocast_does_not_reach_inside():
    x = torch.ones(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with full_precision():
            assert (x @ x).dtype == torch.float32
        assert (x @ x).dtype == torch.bfloat16


def test_threads_that_overlap_leave_settings_as_they_were():
    """The first one in goes out first, and the second one is still at full precision."""
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def second():
        with full_precision():
            inside.set()
            go_on.wait(60)
            seen.append(torch.get_float32_matmul_precision())

    torch.set_float32_matmul_precision("medium")
    try:
        thread = threading.Thread(target=second)
        with full_precision():
            thread.start()
            assert inside.wait(60)
        go_on.set()
        thread.join()
        assert seen == ["highest"]
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_one_device_has_one_form():
    for name in ("cpu", "cpu:0", torch.device("cpu"), torch.device("cpu", 0)):
        assert as_device(name) == torch.device("cpu")
        assert as_device(name).index is None
    for bad in (None, 0, b"cpu", ["cpu"], np.array("cpu"), "meta", torch.device("meta"), "", "cpu\n", torch.ones(3)):
        with pytest.raises(InvalidInputError, match=r"device=.* cannot be used") as caught:
            as_device(bad)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["cpu:0", torch.device("cpu"), torch.device("cpu", 0)])
def test_every_name_of_the_cpu_takes_its_own_path(device, monkeypatch):
    monkeypatch.setattr("deepbridge.binary.batched.error_counts", None)
    rng = np.random.default_rng(0)
    network, data = db.BinaryMLP(6, (3,), 3), random_data(rng, (6,), 3, 20)
    a, b, c = (db.fit(network, data, db.SGD(epochs=2, learning_rate=0.5), seed, device=device) for seed in range(3))
    assert np.array_equal(a.flat, db.fit(network, data, db.SGD(epochs=2, learning_rate=0.5), 0).flat)
    for measure in (
        lambda **where: db.local_energy(a, data, [0.3], **where).samples,
        lambda **where: db.barrier(a, b, data, **where).profile,
        lambda **where: db.plane(a, b, c, data, 3, **where).errors,
        lambda **where: db.optimized_path(a, b, data, db.SGD(epochs=1), **where).errors,
    ):
        assert np.array_equal(measure(device=device), measure())
