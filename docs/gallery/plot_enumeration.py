"""
All solutions of a small perceptron
===================================

With 21 weights all 2,097,152 perceptrons can be looked at. Left: how many of them make 0, 1, 2, ... errors. Right: how
many solutions there are at each distance from one of them.
"""

import matplotlib.pyplot as plt
import numpy as np

import binland as bl

machine = bl.Perceptron(21)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for n_patterns, color in ((6, "#009E73"), (10, "#0072B2"), (14, "#D55E00")):
    patterns = bl.Patterns.random(n_patterns, 21, seed=0)
    every = bl.enumerate_solutions(machine, patterns)
    left.semilogy(every.energies, "o-", color=color, label=f"P = {n_patterns}, {every.count} solutions")
    if every.count:
        counts = every.distances(every.solution(0))
        right.plot(np.arange(len(counts)) / 21, np.where(counts > 0, counts, np.nan), "o-", color=color)
left.set_xlabel("errors")
left.set_ylabel("weight vectors")
left.legend()
right.set_yscale("log")
right.set_xlabel("Hamming distance from a solution (fraction of weights)")
right.set_ylabel("solutions")
plt.show()
