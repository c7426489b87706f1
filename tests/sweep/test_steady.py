import io
import os

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland.sweep.store import steady
from binland.sweep.store.steady import SteadyFile

steps = st.lists(
    st.tuples(st.sampled_from(["write", "read", "truncate"]), st.integers(0, 300), st.binary(min_size=1, max_size=90)),
    max_size=25,
)


@given(steps=steps, room=st.integers(0, 300), begin=st.binary(max_size=150))
def test_reads_find_what_was_written_on_a_full_disk_too(tmp_path_factory, steps, room, begin):
    """Beside a file in memory; the disk takes no byte beyond `room`."""
    path = tmp_path_factory.mktemp("steady") / "x"
    path.write_bytes(begin)
    real, failed = os.pwrite, False

    def pwrite(file, data, offset):
        if offset + len(data) > room:
            raise OSError(28, "No space left on device")
        return real(file, data, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steady.os, "pwrite", pwrite)
        patch.setattr(steady, "PAGE", 16)
        mine, twin = SteadyFile(path), io.BytesIO(begin)
        for what, place, data in steps:
            for file in (mine, twin):
                file.seek(place)
            if what == "write":
                assert mine.write(data) == twin.write(data)
                failed |= place + len(data) > room
            elif what == "truncate":
                size = min(place, len(twin.getvalue()))  # a file in memory cannot grow this way
                mine.truncate(size)
                twin.truncate(size)
            else:
                found = bytearray(len(data))
                mine.readinto(found)
                assert bytes(found) == twin.read(len(data)).ljust(len(data), b"\0")
            assert mine.seek(0, os.SEEK_END) == twin.seek(0, os.SEEK_END)
        if failed:
            with pytest.raises(OSError, match="No space"):
                mine.close()
        else:
            mine.close()
            assert path.read_bytes() == twin.getvalue()


def test_hdf5_writes_to_it_and_the_disk_is_waited_for(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr(steady.os, "fsync", lambda file: synced.append(file) or real(file))
    values = np.random.default_rng(0).normal(size=(300, 300))
    with SteadyFile(tmp_path / "x.h5") as target, h5py.File(target, "w") as file:
        file.create_dataset("x", data=values, compression="gzip", chunks=(10, 300))
    assert len(synced) == 1
    with h5py.File(tmp_path / "x.h5") as file:
        assert np.array_equal(file["x"], values)
