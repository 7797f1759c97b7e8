"""How arrays go into the core: types, strides, copies, threads."""

from __future__ import annotations

import sys
import threading
import tracemalloc

import numpy as np
import pytest

import blockhess.numpy as bn
from blockhess import _core

F = "sin(x) * exp(-x**2)"


def strided(rng):
    big = rng.normal(size=(12, 10))
    yield big[::2, ::2]
    yield big[::-1, 3:8]
    yield np.asfortranarray(big[:6, :5])
    yield np.broadcast_to(big[0, :5], (4, 5))
    yield np.moveaxis(rng.normal(size=(5, 3, 2)), 0, -1)
    yield rng.normal(size=(4, 5)).astype(">f8")
    misaligned = np.frombuffer(b"\0" + rng.normal(size=20).tobytes(), np.uint8)[1:]
    yield misaligned.view(np.float64).reshape(4, 5)
    read_only = rng.normal(size=(4, 5))
    read_only.flags.writeable = False
    yield read_only


def test_any_strides_and_byte_order_give_the_bits_of_the_plain_array(rng):
    for x in strided(rng):
        plain = np.array(x, np.float64, order="C")
        np.testing.assert_array_equal(bn.hessian(F, x), bn.hessian(F, plain))
        np.testing.assert_array_equal(bn.hvp(F, x, x), bn.hvp(F, plain, plain))
        for ours, other in zip(
            bn.value_grad_hessian(f"a * {F}", x, a=x, b=x, S=np.eye(5)[::-1].T),
            bn.value_grad_hessian(f"a * {F}", plain, a=plain, b=plain, S=np.eye(5)[::-1].copy()),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, other)


def test_arrays_are_left_as_they_were(rng):
    x, a = rng.normal(size=(2, 6, 4))
    kept = x.copy(), a.copy()
    result = bn.value_grad_hessian(f"a * {F}", x, a=a)
    np.testing.assert_array_equal((x, a), kept)
    assert not any(np.shares_memory(array, part) for array in (x, a) for part in result)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_result_has_the_type_of_x(dtype):
    x = np.ones((2, 3), dtype)
    arguments = {"S": np.eye(3), "b": np.ones(3, "float32"), "c": 2}
    for result in bn.value_grad_hessian(f"c * {F}", x, **arguments):
        assert result.dtype == dtype
    assert bn.laplacian(f"c * {F}", x, **arguments).dtype == dtype
    assert bn.hvp(f"c * {F}", x, x.astype("float64"), **arguments).dtype == dtype


@pytest.mark.parametrize("x", [[[1, 2]], [[True, False]], np.ones((1, 2), np.uint8)])
def test_integers_are_computed_in_float64(x):
    np.testing.assert_array_equal(bn.hessian(F, x), bn.hessian(F, np.array(x, np.float64)))


@pytest.mark.parametrize("dtype", ["float16", "longdouble", "complex128", "object", "U3"])
def test_other_types_are_refused(dtype):
    x = np.ones((2, 3)).astype(dtype)
    with pytest.raises(TypeError, match="x has dtype .*; expected float32, float64 or integers"):
        bn.hessian("x**2", x)


def test_a_number_is_no_x():
    with pytest.raises(ValueError, match=r"x is a number; expected an array of shape \(..., K\)"):
        bn.hessian("x**2", 1.0)


def peak_bytes(call) -> int:
    """The most that NumPy had allocated within the call."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_contiguous_arrays_are_read_where_they_are():
    x, v = np.ones((2, 50_000, 4))
    a, b = np.ones((2, 50_000, 4))
    slack = 50_000
    assert peak_bytes(lambda: bn.hessian("a * x**3", x, a=a, b=b, layout="diag")) < x.nbytes + slack
    assert peak_bytes(lambda: bn.hvp("a * x**3", x, v, a=a)) < x.nbytes + slack
    three_axes = x.reshape(5, 10_000, 4)
    assert peak_bytes(lambda: bn.hvp("x**3", three_axes, three_axes)) < x.nbytes + slack
    # The same measure sees the copy of an array that is not contiguous.
    assert peak_bytes(lambda: bn.hvp("x**3", np.asfortranarray(x), v)) > 2 * x.nbytes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_that_are_not_aligned_are_copied_before_the_core_reads_them(dtype):
    shape = (50_000, 4)
    count = np.dtype(dtype).itemsize * 200_000
    aligned = np.zeros(count, np.uint8).view(dtype).reshape(shape)
    misaligned = np.zeros(count + 1, np.uint8)[1:].view(dtype).reshape(shape)
    assert not misaligned.flags.aligned
    text = "blockhess 1 | phi 2: r2 = mul r0 r1; return r2 r1 zero | psi 1: return r0 none none"

    def bytes_for(x, parameter):
        return peak_bytes(lambda: _core.terms(x, [parameter], text, "none", want_gradient=False))

    plain = bytes_for(aligned, aligned)
    assert plain < aligned.nbytes
    for x, parameter in ((misaligned, aligned), (aligned, misaligned)):
        assert bytes_for(x, parameter) > plain + 0.9 * aligned.nbytes


def test_other_Python_threads_run_during_a_call():
    x = np.ones((20_000, 4))
    lock, ran = threading.Lock(), []

    def wait_and_run() -> None:
        with lock:
            ran.append(True)

    lock.acquire()
    other = threading.Thread(target=wait_and_run)
    other.start()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # From now on a thread runs only where another lets it.
    try:
        lock.release()
        for _ in range(2000):
            if ran:
                break
            bn.hessian("polygamma(2, x)", x, layout="diag", threads=1)
        assert ran
    finally:
        sys.setswitchinterval(before)
        other.join()


@pytest.mark.parametrize("threads", [1, 2, 3, None])
def test_calls_of_several_threads_at_once_give_what_they_give_alone(threads, rng):
    inputs = rng.normal(size=(4, 20_000, 4))
    alone = [bn.hessian(F, x, threads=1) for x in inputs]
    together: list = [None] * len(inputs)

    def call(i: int) -> None:
        together[i] = bn.hessian(F, inputs[i], threads=threads)

    workers = [threading.Thread(target=call, args=(i,)) for i in range(len(inputs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    np.testing.assert_array_equal(together, alone)


def test_a_result_that_no_memory_holds_is_a_MemoryError():
    x = np.broadcast_to(1.0, (1, 1 << 24))
    with pytest.raises(MemoryError):
        bn.hessian("x**2", x)


def test_complex_arrays_are_refused_by_name():
    x = np.ones((2, 2))
    for name, call in {
        "v": lambda z: bn.hvp("x**3", x, z),
        "S": lambda z: bn.hessian(None, x, S=z),
        "c": lambda z: bn.hessian("c*x**3", x, c=z),
    }.items():
        with pytest.raises(TypeError, match=f"{name} has dtype complex128"):
            call(1j * np.eye(2))
