"""What can be declared: problems, families, algorithms and measures, each by one object in one file."""
