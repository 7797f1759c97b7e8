"""Linear algebra with the blocks: operators that keep to the structure of the formula."""

from .low_rank import LinearOperatorDiagonalPlusLowRank

__all__ = ["LinearOperatorDiagonalPlusLowRank"]
