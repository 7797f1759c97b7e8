"""What may be typed after `python -m blockhess`."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Sequence

from blockhess.formula.layouts import LAYOUTS
from blockhess.terminal.outcome import CommandError
from blockhess.terminal.screen import Screen
from blockhess.terminal.start_up import quiet

EXIT_CODES = """\
exit codes:
  0  good
  1  the check failed, or the function does not fit the route that was named
  2  wrong usage: what was typed cannot be understood or run
130  interrupted
"""
INTERRUPTED = 130

FUNCTION = """\
FUNCTION is Python text, evaluated as Python: an expression in x, such as
  "tf.reduce_sum(tf.sin(x))" or "tf.exp(-0.5 * tf.reduce_sum(x * x, 1))",
or a function of it, "lambda x: ...". It may use tf (TensorFlow), np (NumPy),
tnp (tf.experimental.numpy: NumPy's functions on tensors), math and bh
(blockhess).
"""
DTYPES = ("float16", "bfloat16", "float32", "float64")
ROUTES = ("auto", "fused", "autodiff")
COUPLINGS = ("check", "exact", "assume_independent")


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    arguments = _parser().parse_args(argv)
    screen = Screen(arguments.json)
    try:
        with quiet(arguments.verbose):
            module = importlib.import_module(f"{__package__}.{arguments.command}")
        outcome = module.run(arguments, screen)
    except CommandError as error:
        screen.error(str(error))
        return error.exit
    except KeyboardInterrupt:
        screen.error("interrupted")
        return INTERRUPTED
    screen.result(outcome.result)
    return outcome.exit


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m blockhess",
        description="The diagonal blocks of Hessians of functions whose rows do not interact.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str, epilog: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=help,
            description=help[0].upper() + help[1:] + ".",
            epilog=epilog + EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.add_argument("--json", action="store_true", help="print one JSON document instead")
        added.add_argument("--verbose", action="store_true", help="TensorFlow's own messages, too")
        return added

    command("info", "how this blockhess was built, and what it runs on")
    command("demo", "blocks of real functions, checked and timed")
    _explain(command("explain", "the route that a function takes, and why", FUNCTION + "\n"))
    command("check", "whether this installation computes what it should, in under a minute")
    bench = command("bench", "times beside TensorFlow's batch_jacobian and a fill, in a minute")
    bench.add_argument(
        "--quick",
        action="store_true",
        required=True,
        help="the one that is built in; the full one is bench/run.py in the repository",
    )
    return parser


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION", help="Python text, see below")
    parser.add_argument(
        "--shape", required=True, type=_shape, metavar="N,K", help="of x, such as 1000,8"
    )
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="of x")
    parser.add_argument("--layout", choices=LAYOUTS, default="dense", help="of the blocks")
    parser.add_argument("--route", choices=ROUTES, default="auto", help="the route to take")
    parser.add_argument(
        "--coupling", choices=COUPLINGS, default="check", help="where rows may interact"
    )


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shape; expected such as 1000,8")
    return tuple(int(size) for size in text.split(","))
