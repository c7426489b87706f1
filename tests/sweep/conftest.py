import signal

import pytest

import binland as bl
from tests.sweep.small import spec


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
