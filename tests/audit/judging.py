"""What comes out of a row: its blocks by blockhess, held against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from case import Case
from open_cases import OPEN, SOMETIMES
from subjects import case_of
from truths import Differences, differences, values_of

import blockhess as bh
from processes import in_a_process

SMALLEST_SCALE = 1e-3
"""Errors of blocks that are all smaller are relative to this."""


@dataclass(frozen=True)
class Verdict:
    """`outcome` is one of the four of a case, or what is wrong; `detail` is for people."""

    outcome: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.outcome}: {self.detail}" if self.detail else self.outcome


@dataclass(frozen=True)
class Expected:
    """The blocks that are expected, and the values and gradients where differences give them."""

    blocks: np.ndarray
    differences: Differences | None


@dataclass(frozen=True)
class Computed:
    """What calls of value_grad_hessian gave, and by which route."""

    route: str
    results: list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def verdict_on(subject: str, case: Case) -> Verdict:
    """What comes out of a row of the subject's table, be it the end of the process."""
    if not case.ends_the_process:
        return judge(case)
    try:
        return in_a_process(_judge_named, subject, case.name)
    except AssertionError as error:
        return Verdict("ends the process", str(error))


def _judge_named(subject: str, name: str) -> Verdict:
    return judge(case_of(subject, name))


def complaint_of(case: Case, verdict: Verdict) -> str:
    """Why a verdict is not the expected one; empty where it is, or the row is known to be open."""
    if case.name not in OPEN:
        is_expected = verdict.outcome == case.outcome
        return "" if is_expected else f"{case.operations}: {case.outcome} expected, {verdict}"
    is_mended = verdict.outcome == case.outcome and case.name not in SOMETIMES
    return "it comes out as it should: take it out of open_cases.py" if is_mended else ""


def judge(case: Case) -> Verdict:
    """What comes out of the case; its outcome if all is as it should be."""
    expected = None if case.outcome == "refused" else truth_of(case)
    if isinstance(expected, Verdict):
        return expected
    try:
        computed = derivatives(case, "auto")
    except Exception as error:  # noqa: BLE001 - whatever it is, the verdict tells
        return _judged_error(case, error)
    if expected is None:
        return Verdict("not refused", _text(computed.results[0][2]))
    status = _compare(case, computed, expected)
    if status is not None:
        return status
    if computed.route == "fused":
        by_autodiff = _by_autodiff(case, expected)
        if by_autodiff.outcome != case.autodiff:
            return Verdict(f"{by_autodiff.outcome} by autodiff", by_autodiff.detail)
    return Verdict("convention" if case.outcome == "convention" else computed.route)


def truth_of(case: Case) -> Expected | Verdict:
    """The blocks that are expected; a verdict where differences do not tell them well enough."""
    x = case.x.astype(np.float64)
    if case.truth is not None:
        return Expected(_with_nan_rows(case, case.truth(x)), None)
    values = values_of(case.reference or case.f, case.by_batch)
    found = differences(values, x, case.step, np.ones_like(x, bool))
    unsure = found.error / _scale(found.blocks) > case.tolerance
    unsure[list(case.nan_rows)] = False
    if unsure.any():
        return Verdict("unsure", f"differences are known to {found.error} only")
    return Expected(_with_nan_rows(case, found.blocks), found)


def _with_nan_rows(case: Case, blocks: np.ndarray) -> np.ndarray:
    result = blocks.copy()
    result[list(case.nan_rows)] = np.nan
    return result


def derivatives(case: Case, route: str) -> Computed:
    """f is traced once, and called as often as the case says."""

    def compute(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tuple(bh.value_grad_hessian(case.f, x, route=route))

    x = tf.constant(case.x)
    concrete = tf.function(compute, autograph=False).get_concrete_function(
        tf.TensorSpec.from_tensor(x)
    )
    is_fused = any(o.type.startswith("Blockhess") for o in concrete.graph.get_operations())
    results = [
        tuple(np.asarray(tensor, np.float64) for tensor in concrete(x)) for _ in range(case.calls)
    ]
    return Computed("fused" if is_fused else "autodiff", results)


def _judged_error(case: Case, error: Exception) -> Verdict:
    """Refused where the error is one for users, and has the text that the case asks for."""
    text = f"{type(error).__name__}: {error}"
    kinds = (LookupError, NotImplementedError, ValueError, tf.errors.OpError)
    names_it = bool(case.refusal) and case.refusal.casefold() in text.casefold()
    if isinstance(error, kinds) and names_it:
        return Verdict("refused")
    return Verdict("raises", text[:600])


def _compare(case: Case, computed: Computed, expected: Expected) -> Verdict | None:
    """None where all calls gave what is expected."""
    for value, gradient, blocks in computed.results:
        status = compared(blocks, expected.blocks, case.tolerance)
        if status != "right":
            return Verdict(status, f"{_text(blocks)} instead of {_text(expected.blocks)}")
        found = expected.differences
        if found is None:
            continue
        numbers = [row for row in range(len(blocks)) if row not in case.nan_rows]
        if not np.allclose(value.reshape(-1), found.value, case.tolerance, case.tolerance):
            return Verdict("another value", f"{value} instead of {found.value}")
        first, true = gradient[numbers, :, None], found.gradient[numbers, :, None]
        if (status := compared(first, true, case.tolerance)) != "right":
            return Verdict(f"{status} gradient", f"{_text(first)} instead of {_text(true)}")
    return None


def _by_autodiff(case: Case, expected: Expected) -> Verdict:
    try:
        computed = derivatives(case, "autodiff")
    except Exception as error:  # noqa: BLE001 - whatever it is, the verdict tells
        return Verdict("raises", str(error)[:300])
    return _compare(case, computed, expected) or Verdict("right")


def compared(blocks: np.ndarray, expected: np.ndarray, tolerance: float) -> str:
    """right, wrong, zero, NaN or infinite: the worst of any row."""
    statuses = {_row(b, e, tolerance) for b, e in zip(blocks, expected, strict=True)}
    return next(s for s in ("zero", "wrong", "NaN", "infinite", "right") if s in {*statuses})


def _row(block: np.ndarray, expected: np.ndarray, tolerance: float) -> str:
    """Where NaN is expected one cell of it will do."""
    if np.isnan(expected).any():
        return "right" if np.isnan(block).any() else "wrong"
    if np.isnan(block).any():
        return "NaN"
    if np.isinf(block).any():
        return "infinite"
    if np.abs(block - expected).max() <= tolerance * _scale(expected[None])[0]:
        return "right"
    return "wrong" if block.any() else "zero"


def _scale(blocks: np.ndarray) -> np.ndarray:
    return np.maximum(SMALLEST_SCALE, np.abs(blocks).max((1, 2)))


def _text(blocks: np.ndarray) -> str:
    text = np.array2string(blocks, precision=5, max_line_width=200, threshold=40)
    return " ".join(text.split())


def judge_tensorflow(case: Case) -> str:
    """What TensorFlow's gradient of its gradient gives, along one direction."""
    expected = truth_of(case)
    assert isinstance(expected, Expected)
    direction = np.cos(1.0 + np.arange(case.x.shape[1]))

    def product(x: tf.Tensor) -> tf.Tensor:
        gradient = tf.gradients(tf.reduce_sum(case.f(x)), x)[0]
        if gradient is None:
            return tf.zeros_like(x)
        along = tf.constant(direction, x.dtype)
        second = tf.gradients(tf.convert_to_tensor(gradient), x, along * tf.ones_like(x))[0]
        return tf.zeros_like(x) if second is None else tf.convert_to_tensor(second)

    try:
        found = tf.function(product, autograph=False)(tf.constant(case.x)).numpy()
    except Exception:  # noqa: BLE001 - whatever it is, it is not right
        return "raises"
    return compared(found[:, :, None], (expected.blocks @ direction)[:, :, None], case.tolerance)
