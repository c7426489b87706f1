"""Names of kinds of tasks that the engine gives."""

TRAINING = "solution"  # the kind of the tasks that train
ACROSS = "across_"  # begins the names of tasks and variables of pairs of two algorithms
