"""What the engine must know of what it sweeps: base classes that import nothing heavy."""
