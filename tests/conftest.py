"""Shared settings, hypothesis without deadlines (kernels compile at first use), and a finished sweep."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of torch, where several processes test side by side

import matplotlib
import pytest
from hypothesis import HealthCheck, settings

import binland as bl
from tests.sweep.small import spec

matplotlib.use("Agg")
settings.register_profile(
    "binland",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("binland")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The small sweep, run without interruption in one process; not to be changed."""
    path = tmp_path_factory.mktemp("sweep") / "whole.h5"
    bl.run_sweep(spec(), path)
    return path


@pytest.fixture
def ctrl_c():
    """Ctrl-C is Python's own; some libraries change what it does when they are imported."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
