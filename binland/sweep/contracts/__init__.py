"""What can be declared: problems, families, algorithms, measures and overlays, each by one object in one file."""
