"""A package to be checked by its name."""
