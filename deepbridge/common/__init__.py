"""What networks of every kind share: data, files, devices, checkpoints, geometry; neither Numba nor kernels."""
