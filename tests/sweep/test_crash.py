import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import binland as bl
from tests.sweep import coarse, crashing
from tests.sweep.small import WHOLE, assert_same_numbers, spec

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills forked children")


def crashes(how, folder, argument):
    command = [sys.executable, "-m", "tests.sweep.crashing", how, str(folder), str(argument)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_sweep_killed_at_random_moments_ends_as_if_it_had_not_been(tmp_path):
    found = crashes("random", tmp_path, 0)
    assert found["killed"] >= 10
    assert found["half_made"] >= 1  # some of them while the file was being replaced
    assert found["repeated"] == []
    small = spec(grid={"disorder_samples": 12})
    bl.run_sweep(small, tmp_path / "whole.h5")
    assert_same_numbers(tmp_path / "whole.h5", tmp_path / "killed.h5", small)
    assert sorted(p.suffix for p in tmp_path.glob("killed*")) == [".h5", ".lock", ".log"]


@pytest.mark.slow
def test_bends_and_planes_survive_kills_too(tmp_path, monkeypatch):
    found = crashes("toy", tmp_path, 1)
    assert found["killed"] >= 3
    assert found["repeated"] == []
    coarse.installed(tmp_path, monkeypatch)
    bl.run_sweep(crashing.toy(), tmp_path / "whole.h5")
    assert_same_numbers(tmp_path / "whole.h5", tmp_path / "killed.h5", crashing.toy())


@pytest.mark.slow
@pytest.mark.parametrize("when", ["half-way", "after"])
def test_a_sweep_killed_at_any_change_of_the_disk_ends_as_if_it_had_not_been(tmp_path, when):
    """Every sixth call that writes, renames, links, removes or copies, or each; the last run makes all of them."""
    found = crashes("points", tmp_path, when)
    share = 1 if WHOLE else 6
    assert len(found) > 30 // share
    assert [life["killed"] for life in found] == [1] * (len(found) - 1) + [0]
    assert all(life["repeated"] == [] for life in found)
    assert sum(life["half_made"] for life in found) >= 10 // share
    small = crashing.small()
    bl.run_sweep(small, tmp_path / "whole.h5")
    assert_same_numbers(tmp_path / "whole.h5", tmp_path / "killed.h5", small)
