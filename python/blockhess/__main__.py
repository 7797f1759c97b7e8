"""`python -m blockhess`: what may be typed stands in `blockhess.terminal.commands`."""

from __future__ import annotations

import os
import sys

from blockhess.terminal import commands

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(commands.main(sys.argv[1:]))
