"""
How flat are solutions?
=======================

Local energy: how much the train error rises when a fraction of the weights is flipped at random. Replicated SGD finds
flatter solutions than SGD, and an adversarial start leads to sharper ones. Crosses: the same in closed form, without
random draws.
"""

import matplotlib.pyplot as plt

import binland as bl

manifold = bl.HiddenManifold(n_inputs=401, latent_dim=201, seed=0)
train, test = manifold.sample(603, seed=1), manifold.sample(5000, seed=2)
machine = bl.CommitteeMachine(n_inputs=401, n_hidden=41)
fractions = [0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2]

fig, ax = plt.subplots(figsize=(5.4, 4), layout="constrained")
for algorithm, color, marker in ((bl.RSGD(), "#009E73", "^"), (bl.SGD(), "#0072B2", "o"), (bl.ADV(), "#D55E00", "s")):
    solution = bl.fit(machine, train, algorithm, seed=0)
    sampled = bl.local_energy(solution, train, fractions=fractions, realizations=20, seed=0)
    exact = bl.local_energy(solution, train, fractions=fractions, method="exact")
    label = f"{type(algorithm).__name__}, test error {100 * solution.error(test):.3g} %"
    bl.plots.plot_local_energy(sampled, ax, label, color=color, marker=marker)
    bl.plots.plot_local_energy(exact, ax, color=color, marker="x", line="", size=1.5)
ax.legend()
plt.show()
