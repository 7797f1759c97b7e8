"""Gamma, error, Bessel and other special functions, held against mpmath where it has them."""

from __future__ import annotations

from collections.abc import Callable

import keras
import mpmath as mp
import tensorflow as tf
from case import Case, both
from points import A_ZERO, ABOVE_ONE, POSITIVE, SIGNED, UNIT, drawn, rows
from reasons import AT_THE_BORDER, BESSEL, LIMIT_BY_WHERE, NO_ENTRY_OF_GRADIENT, ONE_INPUT
from row_functions import weighted
from truths import weighted_by_mpmath


def bessel(function: Callable, order: int) -> Callable[[mp.mpf], mp.mpf]:
    return lambda t: function(order, t)


def dawson(t: mp.mpf) -> mp.mpf:
    return mp.sqrt(mp.pi) / 2 * mp.exp(-t * t) * mp.erfi(t)


def spence(t: mp.mpf) -> mp.mpf:
    return mp.polylog(2, 1 - t)


CASES = [
    *both(
        "lgamma",
        "Lgamma",
        tf.math.lgamma,
        POSITIVE,
        fused=True,
        step=0.01,
        truth=weighted_by_mpmath(mp.loggamma),
    ),
    *both(
        "digamma",
        "Digamma",
        tf.math.digamma,
        POSITIVE,
        fused=True,
        step=0.01,
        truth=weighted_by_mpmath(mp.digamma),
    ),
    *both("erfinv", "Erfinv", tf.math.erfinv, UNIT, step=0.01, truth=weighted_by_mpmath(mp.erfinv)),
    *both("erfcinv", "Ndtri", tf.math.erfcinv, POSITIVE, step=0.01),
    *both("ndtri", "Ndtri", tf.math.ndtri, POSITIVE, step=0.01),
    *both(
        "polygamma(2, x)",
        "Polygamma",
        lambda x: tf.math.polygamma(tf.constant(2.0, tf.float64), x),
        ABOVE_ONE,
        fused=True,
        step=0.01,
    ),
    *both(
        "dawsn", "Dawsn", tf.math.special.dawsn, SIGNED, step=0.01, truth=weighted_by_mpmath(dawson)
    ),
    *both(
        "expint",
        "Expint",
        tf.math.special.expint,
        POSITIVE,
        step=0.01,
        truth=weighted_by_mpmath(mp.ei),
    ),
    *both(
        "fresnel_cos",
        "FresnelCos",
        tf.math.special.fresnel_cos,
        SIGNED,
        step=0.01,
        truth=weighted_by_mpmath(mp.fresnelc),
    ),
    *both(
        "fresnel_sin",
        "FresnelSin",
        tf.math.special.fresnel_sin,
        SIGNED,
        step=0.01,
        truth=weighted_by_mpmath(mp.fresnels),
    ),
    *both(
        "spence",
        "Spence",
        tf.math.special.spence,
        POSITIVE,
        step=0.01,
        truth=weighted_by_mpmath(spence),
    ),
    *both(
        "bessel_i0",
        "BesselI0",
        tf.math.bessel_i0,
        SIGNED,
        step=0.01,
        truth=weighted_by_mpmath(bessel(mp.besseli, 0)),
    ),
    *both("bessel_i0e", "BesselI0e", tf.math.bessel_i0e, SIGNED, step=0.01),
    *both(
        "bessel_i1",
        "BesselI1",
        tf.math.bessel_i1,
        SIGNED,
        step=0.01,
        truth=weighted_by_mpmath(bessel(mp.besseli, 1)),
    ),
    *both("bessel_i1e", "BesselI1e", tf.math.bessel_i1e, SIGNED, step=0.01),
    *both(
        "bessel_j0",
        "BesselJ0",
        tf.math.special.bessel_j0,
        SIGNED,
        step=0.01,
        truth=weighted_by_mpmath(bessel(mp.besselj, 0)),
    ),
    *both(
        "bessel_j1",
        "BesselJ1",
        tf.math.special.bessel_j1,
        SIGNED,
        step=0.01,
        truth=weighted_by_mpmath(bessel(mp.besselj, 1)),
    ),
    *both(
        "bessel_k0",
        "BesselK0",
        tf.math.special.bessel_k0,
        POSITIVE,
        step=0.01,
        truth=weighted_by_mpmath(bessel(mp.besselk, 0)),
    ),
    *both("bessel_k0e", "BesselK0e", tf.math.special.bessel_k0e, POSITIVE, step=0.01),
    *both(
        "bessel_k1",
        "BesselK1",
        tf.math.special.bessel_k1,
        POSITIVE,
        step=0.01,
        truth=weighted_by_mpmath(bessel(mp.besselk, 1)),
    ),
    *both("bessel_k1e", "BesselK1e", tf.math.special.bessel_k1e, POSITIVE, step=0.01),
    *both(
        "bessel_y0",
        "BesselY0",
        tf.math.special.bessel_y0,
        ABOVE_ONE,
        step=0.01,
        truth=weighted_by_mpmath(bessel(mp.bessely, 0)),
    ),
    *both(
        "bessel_y1",
        "BesselY1",
        tf.math.special.bessel_y1,
        ABOVE_ONE,
        step=0.01,
        truth=weighted_by_mpmath(bessel(mp.bessely, 1)),
    ),
    *both("lgamma, x < 0", "Lgamma", tf.math.lgamma, -1.2 - POSITIVE * 0.6, fused=True, step=0.01),
    *both(
        "digamma, x < 0",
        "Digamma",
        tf.math.digamma,
        -1.2 - POSITIVE * 0.6,
        fused=True,
        step=0.01,
        truth=weighted_by_mpmath(mp.digamma),
    ),
    *both(
        "bessel_i0 at 0",
        "BesselI0",
        tf.math.bessel_i0,
        A_ZERO,
        reason=BESSEL,
        tensorflow="wrong",
        truth=weighted_by_mpmath(bessel(mp.besseli, 0)),
    ),
    *both(
        "bessel_i1 at 0",
        "BesselI1",
        tf.math.bessel_i1,
        A_ZERO,
        reason=LIMIT_BY_WHERE,
        tensorflow="NaN",
        truth=weighted_by_mpmath(bessel(mp.besseli, 1)),
    ),
    *both(
        "bessel_j0 at 0",
        "BesselJ0",
        tf.math.special.bessel_j0,
        A_ZERO,
        truth=weighted_by_mpmath(bessel(mp.besselj, 0)),
    ),
    *both(
        "bessel_j1 at 0",
        "BesselJ1",
        tf.math.special.bessel_j1,
        A_ZERO,
        reason=LIMIT_BY_WHERE,
        tensorflow="NaN",
        truth=weighted_by_mpmath(bessel(mp.besselj, 1)),
    ),
    *both("dawsn at 0", "Dawsn", tf.math.special.dawsn, A_ZERO, truth=weighted_by_mpmath(dawson)),
    *both(
        "spence at 1",
        "Spence",
        tf.math.special.spence,
        rows([1.0, 0.4, 1.6], [0.3, 0.5, 1.2]),
        reason=LIMIT_BY_WHERE,
        tensorflow="NaN",
        truth=weighted_by_mpmath(spence),
    ),
    *both(
        "spence next to 1",
        "Spence",
        tf.math.special.spence,
        rows([1 + 1e-07, 0.4, 1.6], [1 - 1e-06, 0.5, 1.2]),
        truth=weighted_by_mpmath(spence),
    ),
    Case(
        "igamma(a, x) by x",
        "Igamma",
        lambda x: weighted(tf.math.igamma(tf.constant([0.7, 1.5, 3.0], tf.float64), x)),
        POSITIVE,
        step=0.01,
    ),
    Case(
        "igamma(a, x) by a",
        "Igamma",
        lambda x: weighted(tf.math.igamma(x + 0.5, tf.constant([0.7, 1.5, 3.0], tf.float64))),
        POSITIVE,
        outcome="refused",
        refusal="IgammaGradA",
        reason=NO_ENTRY_OF_GRADIENT,
    ),
    Case(
        "igamma(a, x) at x = 0",
        "Igamma",
        lambda x: weighted(tf.math.igamma(tf.constant([1.0, 2.0, 3.0], x.dtype), x)),
        rows([0.0, 0.0, 0.0], [0.3, 0.5, 0.2]),
        reason=AT_THE_BORDER,
        tensorflow="NaN",
        truth=weighted_by_mpmath(
            lambda t: 1 - mp.exp(-t),
            lambda t: 1 - mp.exp(-t) * (1 + t),
            lambda t: 1 - mp.exp(-t) * (1 + t + t * t / 2),
        ),
    ),
    Case(
        "igammac(a, x) by x",
        "Igammac",
        lambda x: weighted(tf.math.igammac(tf.constant([0.7, 1.5, 3.0], tf.float64), x)),
        POSITIVE,
        step=0.01,
    ),
    Case(
        "betainc by x",
        "Betainc",
        lambda x: weighted(
            tf.math.betainc(
                tf.constant([0.7, 1.5, 3.0], tf.float64) * tf.ones_like(x),
                tf.constant([1.2, 2.5, 0.8], tf.float64) * tf.ones_like(x),
                x,
            )
        ),
        drawn(0.2, 0.7, 2, 3),
        step=0.01,
    ),
    Case(
        "betainc by a",
        "Betainc",
        lambda x: weighted(
            tf.math.betainc(x + 1, tf.constant([1.2, 2.5, 0.8], tf.float64) + 0 * x, 0.4 + 0 * x)
        ),
        POSITIVE,
        outcome="refused",
        refusal="Betainc",
        reason=ONE_INPUT,
    ),
    Case(
        "betainc by a, b and x",
        "Betainc",
        lambda x: tf.math.betainc(x[:, 0] + 1, x[:, 1] + 1, 0.5 * x[:, 2]),
        POSITIVE,
        outcome="refused",
        refusal="Betainc",
        reason=ONE_INPUT,
    ),
    Case(
        "betainc(a, b, x) at x = 0",
        "Betainc",
        lambda x: weighted(tf.math.betainc(2 * tf.ones_like(x), 3 * tf.ones_like(x), x)),
        rows([0.0, 0.3], [0.2, 0.5]),
        reason=AT_THE_BORDER,
        tensorflow="NaN",
        truth=weighted_by_mpmath(lambda t: t**2 * (6 - 8 * t + 3 * t**2)),
    ),
    Case(
        "zeta(s, q) by q",
        "Zeta",
        lambda x: weighted(tf.math.zeta(tf.constant([2.5, 3.0, 4.0], tf.float64), x + 0.5)),
        POSITIVE,
        step=0.01,
    ),
    Case(
        "zeta(s, q) by s",
        "Zeta",
        lambda x: weighted(tf.math.zeta(x + 2.0, tf.constant([0.8, 1.0, 2.0], tf.float64))),
        POSITIVE,
        outcome="refused",
        refusal="Zeta",
        reason=ONE_INPUT,
    ),
    Case(
        "zeta(s, q) by both",
        "Zeta",
        lambda x: tf.math.zeta(x[:, 0] + 2.0, x[:, 1] + 0.5),
        POSITIVE,
        outcome="refused",
        refusal="Zeta",
        reason=ONE_INPUT,
    ),
    *both(
        "ops.i0 at 0",
        "BesselI0",
        keras.ops.i0,
        A_ZERO,
        reason=BESSEL,
        tensorflow="wrong",
        truth=weighted_by_mpmath(bessel(mp.besseli, 0)),
    ),
]
