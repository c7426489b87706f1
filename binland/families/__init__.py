"""Families of models of sweeps, one file each."""
