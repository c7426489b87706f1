"""Names given by the engine: of kinds of tasks, and of a dimension."""

TRAINING = "solution"  # the kind of the tasks that train
ACROSS = "across_"  # begins the names of tasks and variables of pairs of two algorithms
STATES = "symmetry"  # dimension of a family's symmetry states
