"""
Watching a training
===================

A callback is told the train error after every epoch; here it also asks for the solution so far, and looks at its test
error. It changes nothing of the training.
"""

import matplotlib.pyplot as plt

import binland as bl

manifold = bl.HiddenManifold(n_inputs=401, latent_dim=201, seed=0)
train, test = manifold.sample(603, seed=1), manifold.sample(3000, seed=2)
machine = bl.CommitteeMachine(n_inputs=401, n_hidden=41)

fig, ax = plt.subplots(figsize=(5.4, 4), layout="constrained")
for algorithm, color in ((bl.RSGD(), "#009E73"), (bl.SGD(), "#0072B2")):
    rows = []

    def look(state, rows=rows):
        """Keep the errors of every fifth epoch."""
        if state.epoch % 5 == 1:
            rows.append((state.epoch, 100 * state.error, 100 * state.solution().error(test)))

    bl.fit(machine, train, algorithm, seed=0, callback=look)
    epochs, trains, tests = zip(*rows, strict=True)
    name = type(algorithm).__name__
    ax.plot(epochs, trains, color=color, label=f"{name}, train")
    ax.plot(epochs, tests, "--", color=color, label=f"{name}, test")
ax.set_xlabel("epoch")
ax.set_ylabel("error (%)")
ax.legend()
plt.show()
