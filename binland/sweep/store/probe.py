"""Try in another process whether HDF5 can read a file without a seal; a damaged one may hang or crash it."""

import subprocess
import sys
from pathlib import Path

from binland.errors import StoreError
from binland.sweep.older import TEXTS
from binland.sweep.store.seal import State

SECONDS = 3.0  # of processor time, and ...
BYTES_A_SECOND = 10**7  # ... more for large files
PATIENCE = 12  # wall time is longer by this factor, since the processor may be busy
MEMORY = 3 * 2**28  # bytes for what is read
TOO_LARGE = 3  # exit code
TRIAL = """
import sys
path, seconds, memory, too_large, *texts = sys.argv[1:]
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
except ImportError:
    pass
import h5py
try:
    with open("/proc/self/statm") as used:
        most = int(used.read().split()[0]) * resource.getpagesize() + int(memory)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
except (OSError, ValueError, NameError):
    pass  # other systems, or a stricter limit
def plain(found):
    storage = found.id.get_create_plist()
    text = h5py.check_string_dtype(found.dtype)
    filled = storage.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
    return not (found.external or found.is_virtual or filled) and text is not None and text.length is None
try:
    with h5py.File(path, "r") as file:
        for name in file.attrs:
            file.attrs[name]
        for name in file:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                continue
            found = file[name]
            if name in texts and isinstance(found, h5py.Dataset) and plain(found) and found.size < 10**7:
                found[...]
except MemoryError:
    sys.exit(int(too_large))
except Exception as error:
    sys.exit(int(too_large) if "alloc" in str(error) else 0)  # of others the caller says what is wrong
"""

_read: set[State] = set()  # files that were read to their end


def check_readable(path: Path) -> None:
    """Raise StoreError if a process made for it does not succeed in reading the texts of a file in time."""
    state = State.of(path)
    if state in _read:
        return
    seconds = SECONDS + state.size / BYTES_A_SECOND
    command = [sys.executable, "-c", TRIAL, *map(str, (path, int(seconds), MEMORY, TOO_LARGE, *TEXTS))]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE * seconds, check=False)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode < 0:
        raise StoreError(f"{path}: is damaged (HDF5 does not come to an end with it); take it from a copy")
    if done.returncode == TOO_LARGE:
        raise StoreError(f"{path}: is damaged (its texts take more than {MEMORY >> 20} MiB); take it from a copy")
    if state.settled:
        _read.add(state)
