"""`python -m blockhess`: what may be typed stands in `blockhess.terminal.commands`."""

from __future__ import annotations

import sys

from blockhess.terminal import commands

if __name__ == "__main__":
    sys.exit(commands.main(sys.argv[1:]))
