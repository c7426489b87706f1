"""How the minima of a landscape are connected."""
