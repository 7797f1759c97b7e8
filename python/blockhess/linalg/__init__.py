"""Linear algebra with the blocks: operators that keep to the structure of the formula."""

from .low_rank import LinearOperatorDiagonalPlusLowRank
from .scaled import LinearOperatorScaledPlusRankOne

__all__ = ["LinearOperatorDiagonalPlusLowRank", "LinearOperatorScaledPlusRankOne"]
