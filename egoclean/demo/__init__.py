"""A synthetic world with known truth, written in the layouts of real footage."""
