"""The public functions, one a file, and the checks of their arguments."""
