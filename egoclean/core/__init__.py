"""Pure functions of arrays: numpy, scipy and scikit-learn only."""
