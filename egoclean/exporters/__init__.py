"""Forms in which a selection leaves."""
