"""No bit of a finished file changes unnoticed."""

import os
import random
import shutil
from pathlib import Path

import pytest

import binland as bl
from binland.errors import StoreError
from binland.sweep.export import export_csv
from binland.sweep.store import seal as seals
from binland.sweep.store.merge import merge
from binland.sweep.store.seal import LENGTH, SETTLED, check_seal
from binland.sweep.store.store import Store
from tests.sweep.small import spec

READERS = {
    "load": bl.load_results,
    "solution": lambda path: bl.load_solution(path, n_inputs=21, algorithm="SGD"),
    "states": lambda path: Store.open(path).states(),
    "export": lambda path: export_csv(path, path.with_suffix(".csv")),
    "merge": lambda path: merge([path], path.with_suffix(".merged.h5")),
    "sweep": lambda path: bl.run_sweep(spec(), path),
    "extend": lambda path: bl.run_sweep(spec(grid={"disorder_samples": 3}), path, extend=True),
}


def test_every_flipped_bit_is_noticed_by_every_reader(finished, tmp_path):
    """200 bits spread over the whole file, each met by one of the readers in turn."""
    octets, path = finished.read_bytes(), tmp_path / "out.h5"
    draw, names = random.Random(0), list(READERS)
    for k in range(200):
        place = (2 * k + 1) * len(octets) // 400
        changed = bytearray(octets)
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(StoreError, match=r"is damaged|cannot be read as HDF5") as caught:
            READERS[names[k % len(names)]](path)
        assert "\n" not in str(caught.value)
        assert path.read_bytes() == changed
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == ["out.h5"]


@pytest.mark.parametrize("end", [1, 40, LENGTH - 1, LENGTH, LENGTH + 1, 3000])
def test_a_file_without_its_end_is_noticed(finished, tmp_path, end):
    path = tmp_path / "out.h5"
    path.write_bytes(finished.read_bytes()[:-end])
    with pytest.raises(StoreError, match=r"its checksum is missing|cannot be read as HDF5"):
        bl.load_results(path)


def test_a_file_that_was_continued_by_others_is_noticed(finished, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(finished.read_bytes() + b"x")
    with pytest.raises(StoreError, match="its checksum is missing"):
        bl.load_results(path)


def test_a_file_is_read_once_as_long_as_it_stays_the_same(finished, tmp_path, monkeypatch):
    path, read = tmp_path / "out.h5", []
    shutil.copy(finished, path)
    digest = seals._digest
    monkeypatch.setattr(seals, "_digest", lambda *of: read.append(1) or digest(*of))
    check_seal(path)
    check_seal(path)
    assert len(read) == 2  # it has just been written, and may be again with the same time stamp
    long_ago = path.stat().st_mtime - 10 * SETTLED
    monkeypatch.setattr(seals.time, "time", lambda: long_ago + 20 * SETTLED)
    for _ in range(3):
        check_seal(path)
    assert len(read) == 3
    octets = bytearray(path.read_bytes())
    octets[100] ^= 1
    path.write_bytes(octets)
    os.utime(path, (long_ago, long_ago))
    with pytest.raises(StoreError, match="its checksum is wrong"):
        check_seal(path)


def test_a_damaged_file_without_a_seal_does_not_hang(tmp_path):
    """HDF5 follows zeros in its heap of texts for ever."""
    octets = bytearray((Path(__file__).parents[1] / "golden" / "binland-sweep-2.h5").read_bytes())
    octets[2000:2064] = bytes(64)
    path = tmp_path / "old.h5"
    path.write_bytes(octets)
    with pytest.raises(StoreError, match="does not come to an end"):
        bl.load_results(path)
