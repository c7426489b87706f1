import subprocess
import sys

import binland as bl
from binland import flatness, models, paths, results


def test_results_are_the_same_wherever_they_are_imported_from():
    assert bl.Path is paths.Path is results.Path
    assert bl.Barrier is paths.Barrier is results.Barrier
    assert bl.BentPath is paths.BentPath is results.BentPath
    assert bl.LocalEnergy is flatness.LocalEnergy is results.LocalEnergy
    assert models.Replicas is results.Replicas


def test_results_need_nothing_that_trains():
    show = "import sys, binland.results; print({'numba', 'scipy', 'binland.models'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout == "set()\n"
