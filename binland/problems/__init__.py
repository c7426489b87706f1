"""Learning problems of sweeps, one file each."""
