"""The fused route: f as terms of the formula, computed by one op in one pass over memory."""
