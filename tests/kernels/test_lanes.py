import hashlib
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import binland as bl
from binland.kernels import lanes, scalar
from binland.kernels.lanes import PLANES
from binland.kernels.vectors import WIDTH
from tests.sweep.small import WHOLE

LANES = 64 * WIDTH


@numba.njit
def _vector_add(places, rows, n, planes):
    lanes.add(places, rows, n, planes)


@numba.njit
def _vector_walk(codes, first, last, rows, n, planes, signs):
    lanes.walk(codes, first, last, rows, n, planes, signs)


@numba.njit
def _vector_jump(places, first, last, rows, n, planes):
    lanes.jump(places, first, last, rows, n, planes)


@numba.njit
def _vector_tally(units, signs, current, n, planes, negative, real, wrong):
    lanes.tally(units, signs, current, n, planes, negative, real, wrong)


@numba.njit
def _vector_window(planes, n, edges, inside):
    lanes.window(planes, n, edges, inside)


def bits(rng, *shape):
    return rng.integers(0, 2, (*shape, LANES)).astype(bool)


def packed(flags):
    """(..., LANES) bool to (..., WIDTH) uint64."""
    return np.packbits(flags, axis=-1, bitorder="little").view(np.uint64)


def sliced(values, n):
    """Integers (LANES,) to planes (n, WIDTH), two's complement."""
    return np.stack([packed((values >> j & 1).astype(bool)) for j in range(n)])


def wrapped(values, n):
    return (values + 2 ** (n - 1)) % 2**n - 2 ** (n - 1)


problems = given(st.sampled_from(PLANES), st.integers(0, 40), st.integers(0, 2**32))
kernels = pytest.mark.parametrize("module", ["lanes", "scalar"])


@kernels
@settings(max_examples=60)
@problems
def test_adding_rows_is_integer_addition(module, n, length, seed):
    rng = np.random.default_rng(seed)
    values, rows = rng.integers(-(2 ** (n - 1)), 2 ** (n - 1), LANES), bits(rng, 5)
    places, planes = rng.integers(0, 5, length), sliced(values, n)
    (_vector_add if module == "lanes" else scalar.add)(places, packed(rows), n, planes)
    assert np.array_equal(planes, sliced(wrapped(values + rows[places].sum(axis=0), n), n))


@kernels
@settings(max_examples=60)
@problems
def test_walking_is_adding_plus_and_minus_one(module, n, length, seed):
    rng = np.random.default_rng(seed)
    values, rows = rng.integers(-(2 ** (n - 1)), 2 ** (n - 1), LANES), bits(rng, 5)
    values[: LANES // 2] = rng.integers(-2, 2, LANES // 2)  # many change sign
    first, places, slots = min(3, length), rng.integers(0, 5, length), rng.permutation(length)
    planes, signs = sliced(values, n), packed(bits(rng, length))
    expected = signs.copy()
    for place, slot in zip(places[first:], slots[first:], strict=True):
        values = wrapped(values + np.where(rows[place], 1, -1), n)
        expected[slot] = packed(values < 0)
    codes = slots << 32 | places
    walk = _vector_walk if module == "lanes" else scalar.walk
    walk(codes, first, length, packed(rows), n, planes, signs)
    assert np.array_equal(planes, sliced(values, n))
    assert np.array_equal(signs, expected)


@kernels
@settings(max_examples=60)
@problems
def test_jumping_is_walking_to_the_end(module, n, length, seed):
    rng = np.random.default_rng(seed)
    values, rows = rng.integers(-(2 ** (n - 1)), 2 ** (n - 1), LANES), bits(rng, 5)
    first, places = min(3, length), rng.integers(0, 5, length).astype(np.int32)
    planes = sliced(values, n)
    jump = _vector_jump if module == "lanes" else scalar.jump
    jump(places, first, length, packed(rows), n, planes)
    moved = values + np.where(rows[places[first:]], 1, -1).sum(axis=0)
    assert np.array_equal(planes, sliced(wrapped(moved, n), n))


@kernels
@settings(max_examples=60)
@problems
def test_votes_follow_the_signs(module, n, length, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-3, 3, LANES)
    units, signs, current = rng.integers(0, 3, length), bits(rng, length), bits(rng, 3)
    negative, real, wrong = bits(rng), bits(rng), np.empty(length, np.int64)
    planes, held = sliced(values, n), packed(current)
    expected = []
    for unit, sign in zip(units, signs, strict=True):
        values = wrapped(values + current[unit].astype(int) - sign.astype(int), n)
        current[unit] = sign
        expected.append(int(np.sum(((values < 0) != negative) & real)))
    tally = _vector_tally if module == "lanes" else scalar.tally
    tally(units, packed(signs), held, n, planes, packed(negative), packed(real), wrong)
    assert wrong.tolist() == expected
    assert np.array_equal(held, packed(current))
    assert np.array_equal(planes, sliced(values, n))


@kernels
@settings(max_examples=60)
@problems
def test_windows_are_comparisons(module, n, length, seed):
    rng = np.random.default_rng(seed)
    half = 2 ** (n - 1)
    first, last = np.sort(rng.integers(-half, half, 2))
    near = rng.choice([first - 1, first, first + 1, last - 1, last, last + 1, -half, half - 1, 0, -1], LANES)
    values = np.where(rng.random(LANES) < 0.5, np.clip(near, -half, half - 1), rng.integers(-half, half, LANES))
    ends = np.array([~first, last]) ^ half
    edges = np.array([[np.full(WIDTH, -(end >> j & 1)).view(np.uint64) for j in range(n)] for end in ends])
    inside = np.empty(WIDTH, np.uint64)
    (_vector_window if module == "lanes" else scalar.window)(sliced(values, n), n, edges, inside)
    assert np.array_equal(inside, packed((first <= values) & (values <= last)))


def numbers():
    """Digest of everything the kernels compute, on a problem that fills no register."""
    train = bl.HiddenManifold(131, 40, seed=0).sample(701, seed=1)
    machine = bl.CommitteeMachine.with_random_outputs(131, 9, seed=2)
    digest = hashlib.sha256()
    for settings_ in (bl.SGD(epochs=3), bl.RSGD(epochs=3, replicas=3, batch_size=37)):
        a, b = (bl.fit(machine, train, settings_, seed) for seed in (3, 4))
        path = bl.shortest_path(a, bl.align(b, to=a).solution, train, seed=5)
        energy = bl.local_energy(a, train, [0.01, 0.2, 1.0], 3, seed=6)
        exact = bl.local_energy(a, train, [0.01, 0.2], flips="independent", method="exact")
        arrays = (a.latents, a.history, path.flipped, path.error_counts, energy.samples, exact.samples)
        for array in (*arrays, a.predict(train.inputs)):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"NUMBA_CPU_NAME": "generic"},
        pytest.param({"BINLAND_PORTABLE": "1"}, marks=pytest.mark.skipif(not WHOLE, reason="takes a minute")),
    ],
    ids=["a CPU without wide registers", "the twin of the vector code"],
)
def test_numbers_do_not_depend_on_the_cpu(environment):
    command = [sys.executable, "-c", "from tests.kernels.test_lanes import numbers; print(numbers())"]
    found = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=300
    )
    assert found.stdout.strip() == numbers()
