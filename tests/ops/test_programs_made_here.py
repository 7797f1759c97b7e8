"""What a program was compiled from is known where it was compiled: its text is not read back."""

from __future__ import annotations

import tensorflow as tf

import blockhess as bh
from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import program
from blockhess.expressions.program import compile_program
from blockhess.formula import term_programs
from blockhess.formula.term_programs import ScalarFunction


def test_a_text_compiled_here_gives_the_function_with_its_own_names():
    x, scale = e.Variable("x"), e.Variable("scale")
    function = ScalarFunction((x, scale), (e.exp(scale * x), None, e.ZERO))
    assert ScalarFunction.of_text(function.text) is function


def test_a_text_from_elsewhere_is_read():
    function = ScalarFunction.of_text("1: r1 = cosh r0; return r1 none zero")
    assert [str(o) for o in function.outputs] == ["cosh(r0)", "None", "0"]


def test_gradients_of_ops_made_here_read_no_text(monkeypatch):
    def refuse(text: str) -> None:
        raise AssertionError(f"parsed {text}")

    monkeypatch.setattr(term_programs, "parse_program", refuse)
    variable, s, p = (e.Variable(name) for name in ("x", "s", "p"))
    x, parameter = tf.constant([[0.5, 1.25]]), tf.constant(0.75)
    term = ops.Term(e.sin(variable * p), ((p, parameter),), None, None, e.softplus(s), ())
    with tf.GradientTape(persistent=True) as outer:
        outer.watch([x, parameter])
        with tf.GradientTape() as inner:
            inner.watch(x)
            blocks = ops.terms(x, [term]).hessian
            (mapped,) = ops.map([e.tanh(variable) * p], {variable: x, p: parameter})
            total = tf.reduce_sum(blocks) + tf.reduce_sum(mapped)
        gradient = inner.gradient(total, x)
    assert outer.gradient(gradient, x) is not None
    assert outer.gradient(gradient, parameter) is not None


def test_a_term_of_a_function_is_compiled_once(monkeypatch):
    compiled = []

    def counted(outputs, inputs):
        compiled.append(outputs)
        return compile_program(outputs, inputs)

    for module in (program, term_programs):
        monkeypatch.setattr(module, "compile_program", counted)
    x = tf.constant([[0.5, 1.25]])
    bh.hessian(lambda x: tf.math.log(1.8125 + tf.reduce_sum(tf.sin(0.4375 * x), 1)), x)
    assert len(compiled) == 2  # phi and psi
