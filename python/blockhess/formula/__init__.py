"""The programs of a term of the formula: what the forward op and its VJP compute."""
