"""What is known of each instruction beside what it computes: one row with all its properties."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from . import calls as m
from . import derivative_rules as d
from . import sign_rules as s
from .derivative_rules import chain, chain_through, flat
from .expression import ARITY, Call, Constant
from .sign_rules import NEGATIVE, NOT_NEGATIVE, POSITIVE, UNKNOWN, Signs, same


@dataclass(frozen=True)
class Instruction:
    """A row: its derivative, and what else is true of it.

    Attributes:
      derivative: its rule, in a form that neither overflows nor cancels where the derivative does
        not (`derivative_rules`).
      signs: those of its value where it is defined, or a rule that has them from those of the
        arguments (`sign_rules`).
      parity: of a function of one argument, f(-a) is -f(a) if odd and f(a) if even. Those whose
        algebra `simplify` has, such as `square`, do without.
      commutative: f(a, b) is f(b, a).
      names: NumPy's and SciPy's, in the functions of a text; its own name where none is given.
    """

    derivative: d.Rule
    signs: Signs | s.Rule = UNKNOWN
    parity: Literal["odd", "even"] | None = None
    commutative: bool = False
    names: tuple[str, ...] = ()

    def value_signs(self, call: Call, *below: Signs) -> Signs:
        """The signs that the value of `call` can have, whose arguments have those in `below`."""
        return self.signs(call, *below) if callable(self.signs) else self.signs


_INVERSE_ROOT_PI = 2.0 / math.sqrt(math.pi)
_COMPARISON = Instruction(flat, NOT_NEGATIVE)

INSTRUCTIONS: dict[str, Instruction] = {
    "add": Instruction(
        lambda y, a, da: d.sum_of(*da), lambda node, a, b: s.sum_of(a, b), commutative=True
    ),
    "sub": Instruction(
        lambda y, a, da: d.sum_of(*da, -1.0),
        lambda node, a, b: s.sum_of(a, s.product_of(NEGATIVE, b)),
        names=("subtract",),
    ),
    "mul": Instruction(
        d.product, lambda node, a, b: s.product_of(a, b), commutative=True, names=("multiply",)
    ),
    "div": Instruction(
        lambda y, a, da: d.sum_of(
            d.through(da[0], lambda u: u / a[1]), d.through(da[1], lambda u: y * (u / a[1])), -1.0
        ),
        lambda node, a, b: s.product_of(a, s.not_zero(b)),
        names=("divide", "true_divide"),
    ),
    "neg": Instruction(
        chain(lambda x: Constant(-1.0)),
        lambda node, a: s.product_of(NEGATIVE, a),
        names=("negative",),
    ),
    "square": Instruction(chain(lambda x: 2 * x), s.square),
    "pow": Instruction(d.power, s.power, names=("pow", "power", "float_power")),
    "sqrt": Instruction(
        chain(lambda x: 0.5 * m.rsqrt(x)), lambda node, a: a & NOT_NEGATIVE or NOT_NEGATIVE
    ),
    # y da comes first: y / a would leave float32's range long before the product does.
    "rsqrt": Instruction(
        lambda y, a, da: d.through(da[0], lambda u: -0.5 * (y * u) * m.reciprocal(a[0])), POSITIVE
    ),
    "reciprocal": Instruction(
        lambda y, a, da: d.through(da[0], lambda u: -y * (y * u)),
        lambda node, a: s.not_zero(a),
    ),
    "abs": Instruction(chain(lambda x: m.sign(x)), s.square, names=("abs", "absolute", "fabs")),
    "sign": Instruction(flat, same, "odd"),
    "min": Instruction(
        lambda y, a, da: m.select(m.less_equal(*a), *da),
        s.combined(min),
        names=("minimum",),
    ),
    "max": Instruction(
        lambda y, a, da: m.select(m.greater_equal(*a), *da),
        s.combined(max),
        names=("maximum",),
    ),
    "less": _COMPARISON,
    "less_equal": _COMPARISON,
    "greater": _COMPARISON,
    "greater_equal": _COMPARISON,
    "equal": replace(_COMPARISON, commutative=True),
    "not_equal": replace(_COMPARISON, commutative=True),
    "select": Instruction(
        lambda y, a, da: m.select(a[0], da[1], da[2]),
        lambda node, condition, a, b: a | b,
        names=("where",),
    ),
    "exp": Instruction(chain_through(lambda y, x: y), POSITIVE),
    "expm1": Instruction(chain(lambda x: m.exp(x)), same),
    "log": Instruction(chain(lambda x: m.reciprocal(x))),
    "log1p": Instruction(chain(lambda x: m.reciprocal(1 + x)), same),
    "sin": Instruction(chain(lambda x: m.cos(x)), parity="odd"),
    "cos": Instruction(chain(lambda x: -m.sin(x)), parity="even"),
    "tan": Instruction(chain_through(lambda y, x: 1 + m.square(y)), parity="odd"),
    "sinh": Instruction(chain(lambda x: m.cosh(x)), same, "odd"),
    "cosh": Instruction(chain(lambda x: m.sinh(x)), POSITIVE, "even"),
    "tanh": Instruction(chain(lambda x: 4 * m.sigmoid_prime(2 * x)), same, "odd"),
    "asin": Instruction(
        chain(lambda x: m.rsqrt((1 - x) * (1 + x))), same, "odd", names=("asin", "arcsin")
    ),
    "acos": Instruction(
        chain(lambda x: -m.rsqrt((1 - x) * (1 + x))), NOT_NEGATIVE, names=("acos", "arccos")
    ),
    "atan": Instruction(
        chain(lambda x: m.reciprocal(1 + m.square(x))), same, "odd", names=("atan", "arctan")
    ),
    # Beyond 2e8, where 1 is lost beside x**2, 1 / |x|: powers of x**2 would leave float32's range.
    "asinh": Instruction(
        chain(
            lambda x: m.select(
                m.greater(m.abs(x), 2e8), m.abs(m.reciprocal(x)), m.rsqrt(1 + m.square(x))
            )
        ),
        same,
        "odd",
        names=("asinh", "arcsinh"),
    ),
    "acosh": Instruction(
        chain(lambda x: m.rsqrt(x - 1) * m.rsqrt(x + 1)), NOT_NEGATIVE, names=("acosh", "arccosh")
    ),
    "atanh": Instruction(
        chain(lambda x: m.reciprocal((1 - x) * (1 + x))), same, "odd", names=("atanh", "arctanh")
    ),
    "sigmoid": Instruction(
        chain(lambda x: m.sigmoid_prime(x)), POSITIVE, names=("sigmoid", "expit")
    ),
    "sigmoid_prime": Instruction(
        chain_through(lambda y, x: -y * m.tanh(0.5 * x)), POSITIVE, "even"
    ),
    "softplus": Instruction(chain(lambda x: m.sigmoid(x)), POSITIVE),
    "erf": Instruction(chain(lambda x: _INVERSE_ROOT_PI * m.exp(-m.square(x))), same, "odd"),
    "erfc": Instruction(chain(lambda x: -_INVERSE_ROOT_PI * m.exp(-m.square(x))), POSITIVE),
    "lgamma": Instruction(chain(lambda x: m.digamma(x)), names=("gammaln",)),
    "digamma": Instruction(chain(lambda x: m.polygamma(1, x)), names=("digamma", "psi")),
    "polygamma": Instruction(d.polygamma, s.polygamma),
}

if ARITY.keys() != INSTRUCTIONS.keys():
    raise ImportError(
        "the rows here and in csrc/core/instructions.def, as it was built, differ in "
        + ", ".join(ARITY.keys() ^ INSTRUCTIONS.keys())
    )
