"""What networks of every kind share: data, files, devices, checkpoints, matching; without Numba."""
