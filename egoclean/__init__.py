"""egoclean turns raw egocentric and driving video into a curated training set."""

__version__ = "0.1.0"
