"""`python -m blockhess demo` and `python -m blockhess info`."""

from __future__ import annotations

import argparse
import os


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m blockhess", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="blocks of real functions, checked and timed")
    commands.add_parser("info", help="how this blockhess was built")
    command = parser.parse_args().command
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if command == "demo":
        from blockhess import demo

        demo.main()
    else:
        from rich import print

        from blockhess import build_info

        for name, value in build_info().items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
