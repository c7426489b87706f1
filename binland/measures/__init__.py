"""Measures of solutions, one file each: what is computed, what is stored of it, and how it is drawn."""
