"""What a vector-Jacobian product needs, against the formula: a number is needed exactly where a
wanted cotangent depends on it."""

import itertools
import random

import pytest

from blockhess import _core

STEPS = (
    *("u", "M_u", "M_diagonal", "S_adds_to_t1", "D_adds_to_t1", "t2", "t3"),
    *("s_bar", "u_bar", "S_u_bar", "M_adds_to_S_bar"),
)


def _terms():
    """(phi, psi, quadratic, linear): which outputs contribute; a function of 7 has one parameter.
    Each term has a part that makes u."""
    flags = random.Random(5)
    for _ in range(1500):
        phi = [flags.random() < 0.7 for _ in range(flags.choice((0, 4, 7)))]
        psi = [flags.random() < 0.7 for _ in range(flags.choice((4, 7)))]
        quadratic, linear = flags.random() < 0.5, flags.random() < 0.5
        if quadratic or linear or (phi and phi[1]):
            yield phi, psi, quadratic, linear


def _cotangents(numbers, term, given, wanted, changed=None):
    """The wanted cotangents of a term of one row and one column, where what `changed` names is
    another number unless it is zero."""
    phi_there, psi_there, quadratic, linear = term
    x_wanted, operands_wanted = wanted
    phi_wanted = operands_wanted[: len(phi_there) > 4]
    psi_wanted = operands_wanted[len(operands_wanted) - (len(psi_there) > 4) :]
    S_wanted = quadratic and operands_wanted[len(phi_wanted)]
    b_wanted = linear and operands_wanted[len(phi_wanted) + quadratic]

    def step(name, value):
        return value + 0.3 if name == changed and value != 0 else value

    def output(of, there, index):
        return step((of, index), numbers[of, index]) if index < len(there) and there[index] else 0

    phi = [output("phi", phi_there, i) for i in range(7)]
    psi = [output("psi", psi_there, i) for i in range(7)]
    V, G, M = (numbers[name] if there else 0 for name, there in zip("VGM", given, strict=True))
    x, S, b = numbers["x"], numbers["S"] * quadratic, numbers["b"] * linear
    u = step("u", phi[1] + S * x + b)
    M_u = step("M_u", M * u)
    M_diagonal = step("M_diagonal", M)
    t1 = step("S_adds_to_t1", M * S) + step("D_adds_to_t1", M_diagonal * phi[2])
    t2, t3 = step("t2", u * M_u), step("t3", G * u)
    s_bar = step("s_bar", psi[2] * (t1 + t3) + psi[3] * t2 + psi[1] * V)
    u_bar = step("u_bar", 2 * psi[2] * M_u + psi[1] * G)
    S_u_bar = step("S_u_bar", S * u_bar)
    results = []
    if x_wanted:
        results.append(s_bar * u + S_u_bar + phi[2] * u_bar + psi[1] * M_diagonal * phi[3])
    if any(phi_wanted):
        results.append(s_bar * phi[4] + u_bar * phi[5] + psi[1] * M_diagonal * phi[6])
    if S_wanted:
        results.append(step("M_adds_to_S_bar", psi[1] * M) + u_bar * x + s_bar * x * x / 2)
    if b_wanted:
        results.append(u_bar + s_bar * x)
    if any(psi_wanted):
        results.append(V * psi[4] + (t1 + t3) * psi[5] + t2 * psi[6])
    return results


def _numbers():
    values = random.Random(7)
    names = ["V", "G", "M", "x", "S", "b", *itertools.product(("phi", "psi"), range(7))]
    return {name: values.uniform(1, 2) for name in names}


@pytest.mark.parametrize("given", list(itertools.product((False, True), repeat=3))[1:], ids=str)
def test_what_a_wanted_cotangent_depends_on_is_needed_and_nothing_else(given):
    numbers, flags = _numbers(), random.Random(11)
    wrong = []
    for term in _terms():
        phi, psi, quadratic, linear = term
        count = (len(phi) > 4) + quadratic + linear + (len(psi) > 4)
        wanted = flags.random() < 0.5, [flags.random() < 0.5 for _ in range(count)]
        value, gradient, hessian = given
        needs_phi, needs_psi, steps = _core.vjp_needs(
            *term, value=value, gradient=gradient, hessian=hessian, x=wanted[0], operands=wanted[1]
        )
        expected = _cotangents(numbers, term, given, wanted)
        needed = {name: steps[name] for name in STEPS}
        needed |= {("phi", i): needs_phi[i] for i in range(1, len(phi)) if phi[i]}
        needed |= {("psi", i): needs_psi[i] for i in range(1, len(psi)) if psi[i]}
        for name, is_needed in needed.items():
            counts = _cotangents(numbers, term, given, wanted, changed=name) != expected
            if counts != is_needed:
                wrong.append((name, "needed" if counts else "not needed", term, wanted))
    assert not wrong, wrong[:5]


def test_steps_have_the_names_of_the_formula():
    needs = _core.vjp_needs([], [True] * 4, True, True, True, True, True, True, [True, True])
    assert sorted(needs[2]) == sorted(STEPS)
