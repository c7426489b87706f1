"""
Theory beside simulation
========================

A perceptron learns a teacher with binary weights from P = alpha N patterns: test error of the solutions that focusing
belief propagation (FBP) finds, beside what replica theory says of typical ones. FBP looks for regions that are dense in
solutions, and these generalise better than typical solutions. Beyond the dotted line only the teacher itself is left.
"""

import matplotlib.pyplot as plt
import numpy as np

import binland as bl

N, alphas = 501, np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.2])
fine = np.linspace(0.05, 1.24, 40)

fig, ax = plt.subplots(figsize=(5.4, 4), layout="constrained")
ax.plot(
    fine,
    [100 * bl.theory.teacher_student(alpha).generalization_error for alpha in fine],
    "k",
    label="typical, replicas",
)
errors = []
for alpha in alphas:
    teachers = [bl.Teacher(N, seed=k) for k in range(5)]
    solutions = [
        bl.fit(bl.Perceptron(N), teacher.sample(int(alpha * N), seed=0), bl.FBP(), seed=0) for teacher in teachers
    ]
    errors.append(
        [solution.error(teacher.sample(5000, seed=1)) for solution, teacher in zip(solutions, teachers, strict=True)]
    )
mean, error = np.mean(errors, axis=1), np.std(errors, axis=1, ddof=1) / np.sqrt(5)
ax.errorbar(
    alphas, 100 * mean, 100 * error, fmt="d", color="#A347BA", label=f"FBP, N = {N}, standard error over 5 teachers"
)
ax.axvline(bl.theory.teacher_transition(), color="k", linestyle=":")
ax.set_xlabel("constraint density P / N")
ax.set_ylabel("test error (%)")
ax.legend()
plt.show()
