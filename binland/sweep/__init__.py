"""Sweeps: a TOML file becomes tasks (spec), tasks run (execute, run), results are stored (store) and read (load)."""
