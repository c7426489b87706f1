"""Sweeps: a TOML file becomes tasks (spec), tasks run (execute, run), results are kept (store) and read (load)."""
