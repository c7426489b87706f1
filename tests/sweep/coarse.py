"""The toy family of every verb as an installed package brings it, and a small sweep of it."""

import tomllib

from binland.sweep import registry
from binland.sweep.config import check_settings
from tests.toys.install import install

ENTRIES = "toy = tests.toys.coarse\nlost = a_package_that_is_not_there"
TEXT = """
title = "toy"
seed = 5
[data]
n_inputs = 9
n_patterns = 20
n_test = 20
[model]
kind = "coarse"
[grid]
width = [5, 3]
disorder_samples = 2
[algorithms.ADV]
epochs = 3
pretrain_epochs = 2
[algorithms.WarmSGD]
epochs = 4
temperature = 0.5
[measure.local_energy]
fractions = [0.1]
realizations = 2
[measure.pair]
orders = 2
profile_points = 4
[measure.bend]
orders = 2
profile_points = 4
midpoints = 2
midpoint_algorithm = "WarmSGD"
[measure.plane]
points = 5
[store]
latents = true
"""


def settings(**changes):
    """Plain settings; changes are `table={key: value}`, of measure by its name, or `key=value`."""
    plain = tomllib.loads(TEXT)
    for name, change in changes.items():
        if name in plain["measure"]:
            plain["measure"][name] |= change
        else:
            plain[name] = {**plain.get(name, {}), **change} if isinstance(change, dict) else change
    return plain


def spec(**changes):
    return check_settings(settings(**changes), "toy")


def forget_installed(patch):
    """What installed packages declare is looked for anew, and is forgotten when the patch ends."""
    patch.setattr(registry, "_loaded", [])
    patch.setattr(registry, "_broken", [])
    patch.setattr(registry, "_changes", [*registry._changes, None])


def installed(folder, patch):
    """The package is installed in a folder until the patch ends."""
    install(folder, ENTRIES)
    patch.syspath_prepend(folder)
    forget_installed(patch)
