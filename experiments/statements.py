"""What section 5.1 states, for every reading of the recipe: `python experiments/statements.py FILE.h5`.

A reading is a set of three algorithms with the same words after their names ("RSGD, scaled", "SGD, scaled", "ADV,
scaled"); where only one of the three has the words, the other two are those without the last one. Means over disorder
samples, solutions and pairs; with several samples a difference counts if it is beyond its standard error over them.
Every cell is a number of N, or of steps from an N to the next one for RSGD, SGD and ADV; "falls" also counts steps at
which nothing is left to fall (below 0.01 % at both N). Rankings where two are zero do not count.
"""

import sys

import numpy as np

import binland as bl

NAMES = ("RSGD", "SGD", "ADV")
NOTHING = 0.01  # percent; one error of 1503 patterns is 0.067


def readings(labels):
    """Words of every reading, and the labels of its RSGD, SGD and ADV."""
    words = list(dict.fromkeys(", ".join(label.split(", ")[1:]) for label in labels))
    found = {}
    for text in words:
        shorter = ", ".join(text.split(", ")[:-1])
        names = [", ".join(filter(None, (name, text))) for name in NAMES]
        others = [", ".join(filter(None, (name, shorter))) for name in NAMES]
        found[text or "default"] = [a if a in labels else b for a, b in zip(names, others, strict=True)]
    return {text: names for text, names in found.items() if all(name in labels for name in names)}


class Reading:
    """Numbers of one reading, (algorithms, N, disorder samples), in percent."""

    def __init__(self, data, labels):
        self.data = data.sel(algorithm=labels)

    def of(self, name, **chosen):
        """A variable, averaged over all but algorithm, N and sample."""
        values = self.data[name].sel(**chosen) if chosen else self.data[name]
        keep = ("algorithm", "n_inputs", "disorder")
        averaged = values.mean([axis for axis in values.dims if axis not in keep])
        return 100 * averaged.transpose(*keep).values


def clear(difference):
    """Where a difference (..., samples) is above 0 beyond chance."""
    samples = difference.shape[-1]
    error = difference.std(axis=-1, ddof=1) / np.sqrt(samples) if samples > 1 else 0.0
    return difference.mean(axis=-1) > error


def ranks(values):
    """At how many N the three are in rising order."""
    return int(np.all(clear(np.diff(values, axis=0)), axis=0).sum())


def steps(values, sign=1):
    """At how many steps of N each of the three rises (sign 1) or falls, or is zero (-1), as text."""
    counted = clear(sign * np.diff(values, axis=1))
    if sign < 0:
        means = values.mean(axis=-1)
        counted |= (means[:, 1:] < NOTHING) & (means[:, :-1] < NOTHING)
    return " ".join(str(int(n)) for n in counted.sum(axis=1))


def row(text, reading):
    """One line of the table."""
    train, test = reading.of("train_error"), reading.of("test_error")
    energy = reading.of("local_energy", fraction=0.05)
    wide = reading.of("local_energy", fraction=0.2)
    raw, aligned = (reading.of("distance", symmetry=state) for state in ("raw", "aligned"))
    barrier, lower = (reading.of("barrier", symmetry=state) for state in ("raw", "aligned"))
    last = [" / ".join(f"{value:.2f}" for value in values[:, -1].mean(axis=-1)) for values in (test, barrier, lower)]
    cells = [
        text, int(np.all(train.mean(axis=-1) < 1, axis=0).sum()), ranks(energy), ranks(wide), steps(wide, -1),
        steps(test, -1), ranks(test), ranks(barrier), steps(barrier, -1), steps(raw), steps(aligned), *last,
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main():
    """Print the table."""
    data = bl.load_results(sys.argv[1])
    sizes = [int(n) for n in data.n_inputs.values]
    print(f"N = {sizes}, {data.sizes['disorder']} disorder samples, {data.sizes['solution']} solutions")
    print(
        "| reading | train < 1 % | energy at 5 % ranks | at 20 % ranks | at 20 % falls | test error falls | ranks"
        " | barrier ranks | falls | raw distance grows | aligned grows | test error at the last N"
        " | barrier raw | aligned |"
    )
    print("|---" * 14 + "|")
    for text, labels in readings(list(data.algorithm.values)).items():
        print(row(text, Reading(data, labels)))


if __name__ == "__main__":
    main()
