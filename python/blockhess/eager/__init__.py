"""Calling a Python function of x again without tracing it anew, and never with what it was."""
