"""Whether HDF5 comes to an end with a file that has no seal: a damaged one may be read for ever, or crash."""

import subprocess
import sys
from pathlib import Path

from binland.errors import StoreError
from binland.sweep.store.seal import State

SECONDS = 3.0  # of processor time, and ...
BYTES_A_SECOND = 10**7  # ... more for large files
PATIENCE = 12  # times that on the clock, since the processor may be busy
TRIAL = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2]) + 1))
except ImportError:
    pass
import h5py
try:
    with h5py.File(sys.argv[1], "r") as file:
        for name in file.attrs:
            file.attrs[name]
        for name in file:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                continue
            found = file[name]
            if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
                continue
            if h5py.check_string_dtype(found.dtype) and found.size < 10**7:
                found[...]
except Exception:
    pass  # the caller says what is wrong
"""

_read: set[State] = set()  # files that were read to their end


def check_readable(path: Path) -> None:
    """Raise StoreError if another process, made for that, does not come to an end with reading the texts of a file."""
    state = State.of(path)
    if state in _read:
        return
    seconds = SECONDS + state.size / BYTES_A_SECOND
    command = [sys.executable, "-c", TRIAL, str(path), str(int(seconds))]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE * seconds, check=False)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode < 0:
        raise StoreError(f"{path}: is damaged (HDF5 does not come to an end with it); take it from a copy")
    if state.settled:
        _read.add(state)
