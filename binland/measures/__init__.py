"""Measures of solutions, one file each: what is computed, stored and drawn."""
