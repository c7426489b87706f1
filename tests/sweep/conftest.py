import pytest

import binland as bl
from tests.sweep.small import spec


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The small sweep, run without interruption in one process; not to be changed."""
    path = tmp_path_factory.mktemp("sweep") / "whole.h5"
    bl.run_sweep(spec(), path)
    return path
