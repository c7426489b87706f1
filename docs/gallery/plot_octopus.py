"""
The octopus of solutions
========================

Solutions of three algorithms, placed in two dimensions so that distances between points follow the Hamming distances
between solutions as well as they can (classical multidimensional scaling). All are aligned to one solution of RSGD: the
flat ones stay together, the sharp ones are far from everything, and from each other.
"""

import matplotlib.pyplot as plt
import numpy as np

import binland as bl

manifold = bl.HiddenManifold(n_inputs=401, latent_dim=201, seed=0)
train = manifold.sample(603, seed=1)
machine = bl.CommitteeMachine(n_inputs=401, n_hidden=41)
algorithms = {"RSGD": (bl.RSGD(), "#009E73", "^"), "SGD": (bl.SGD(), "#0072B2", "o"), "ADV": (bl.ADV(), "#D55E00", "s")}
trained = [(name, bl.fit(machine, train, algorithms[name][0], seed=k)) for name in algorithms for k in range(8)]
centre = trained[0][1]
solutions = [bl.align(solution, to=centre).solution for _, solution in trained]
distances = np.array([[bl.hamming(a, b) for b in solutions] for a in solutions])

centred = np.eye(len(distances)) - 1 / len(distances)  # classical scaling: the two largest principal coordinates
values, vectors = np.linalg.eigh(-centred @ distances**2 @ centred / 2)
places = vectors[:, -2:] * np.sqrt(values[-2:])

fig, ax = plt.subplots(figsize=(5.4, 5), layout="constrained")
middle = places[:8].mean(axis=0)
for k, (name, _) in enumerate(trained):
    color, marker = algorithms[name][1:]
    ax.plot(*zip(middle, places[k], strict=True), color=color, alpha=0.25)
    ax.plot(*places[k], marker, color=color, label=name if k % 8 == 0 else None)
ax.set_aspect("equal")
ax.set_xlabel("Hamming distance (fraction of weights), embedded")
ax.legend()
plt.show()
