"""Plots as small files, of the few colors that they have."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

_RESOLUTION, _COLORS = 90, 64


def save(figure: Any, path: Path) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=_RESOLUTION, format="png")
    picture = Image.open(drawn).convert("RGB")
    picture.quantize(_COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
