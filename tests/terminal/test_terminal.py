"""`python -m blockhess`: what it prints, for people and for machines, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import blockhess as bh
from blockhess.terminal import bench, check, commands, demo
from blockhess.terminal.checks import closed_form


def typed(*arguments: str, columns: int = 80) -> subprocess.CompletedProcess:
    """As at a shell, with output into a pipe."""
    forced = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    environment = {name: value for name, value in os.environ.items() if name not in forced}
    return subprocess.run(
        [sys.executable, "-m", "blockhess", *arguments],
        capture_output=True,
        text=True,
        env={**environment, "COLUMNS": str(columns)},
    )


def test_info_is_the_build_info_as_text_and_as_JSON():
    text, machine = typed("info"), typed("info", "--json")
    assert (text.returncode, machine.returncode) == (0, 0)
    facts = json.loads(machine.stdout)
    assert facts.items() >= dict(bh.build_info()).items()
    assert "/device:CPU:0" in facts["devices"]
    assert all(name in text.stdout for name in facts)


def test_nothing_is_cut_off_and_no_line_is_too_long_on_a_narrow_terminal():
    wide, narrow = (typed("info", columns=columns).stdout for columns in (300, 40))
    assert max(map(len, narrow.splitlines())) <= 40
    assert sorted("".join(narrow.split())) == sorted("".join(wide.split()))


def test_a_pipe_gets_no_escape_codes():
    for arguments in (["info"], ["explain", "tf.norm(x)", "--shape", "3,2"], ["frobnicate"]):
        done = typed(*arguments)
        assert "\x1b" not in done.stdout
        assert "\x1b[" not in done.stderr.split("usage:")[-1]


def test_the_self_test_passes_here_on_every_instruction_set_and_route():
    done = typed("check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["passed"] and all(c["passed"] and c["error"] >= 0 for c in found["checks"])
    places = " ".join(c["where"] for c in found["checks"])
    assert all(isa in places for isa in bh.build_info()["isas"])
    assert ("XLA" in places) == bh.build_info()["xla"]
    subjects = " ".join(c["subject"] for c in found["checks"])
    for subject in ("float16", "bfloat16", "float32", "float64", "fused", "autodiff", "coupling"):
        assert subject in subjects


def in_process(capsys, *arguments: str) -> tuple[int, str]:
    code = commands.main(arguments)
    return code, capsys.readouterr().out


def test_the_self_test_fails_and_names_what_failed_where_results_are_wrong(monkeypatch, capsys):
    exact = closed_form.Problem.exact
    wrong = {"packed": 1.1}
    monkeypatch.setattr(
        closed_form.Problem,
        "exact",
        lambda problem, name: wrong.get(name, 1.0) * exact(problem, name),
    )
    code, printed = in_process(capsys, "check", "--json")
    assert code == 1
    found = json.loads(printed)
    assert not found["passed"]
    failed = [c for c in found["checks"] if not c["passed"]]
    assert {c["subject"] for c in found["checks"]} - {c["subject"] for c in failed} == {
        "coupling refused"
    }
    assert all("packed" in c["message"] and c["error"] is None for c in failed)


def test_a_check_that_raises_is_a_failure_and_the_others_go_on(monkeypatch, capsys):
    def fails() -> float:
        raise RuntimeError("no such kernel\nat all")

    checks = [check.Check("ops", "GPU:0", fails), check.Check("ops", "CPU:0", lambda: 1e-9)]
    monkeypatch.setattr(check, "all_checks", lambda: checks)
    code, printed = in_process(capsys, "check")
    assert code == 1
    assert "failed: ops on GPU:0: RuntimeError: no such kernel\n" in printed
    assert "1 of 2 checks passed" in printed


@pytest.mark.parametrize(
    "function",
    [
        "tf.reduce_sum(tf.sin(x))",
        "lambda x: tf.reduce_sum(tf.sin(x))",
        "lambda y: tf.reduce_sum(tf.sin(y))",
        "tnp.sum(tnp.sin(x))",
        "  tf.reduce_sum(\n  tf.sin(x))",
    ],
)
def test_explain_takes_an_expression_in_x_or_a_function_of_it(function, capsys):
    code, printed = in_process(capsys, "explain", function, "--shape", "1000,8", "--json")
    assert code == 0
    plan = json.loads(printed)
    assert plan["route"] == "fused" and plan["terms"][0]["phi"] == "sin(x)"


def test_explain_prints_what_the_plan_says(capsys):
    options = ("--shape", "7,3", "--dtype", "float64", "--layout", "packed", "--route", "autodiff")
    code, printed = in_process(capsys, "explain", "tf.nn.l2_loss(x)", *options)
    f = lambda x: __import__("tensorflow").nn.l2_loss(x)  # noqa: E731
    plan = bh.explain(f, np.ones((7, 3)), layout="packed", route="autodiff")
    assert code == 0
    assert printed.split() == str(plan).split()


def test_explain_makes_no_tensor_of_that_shape(capsys):
    code, _ = in_process(capsys, "explain", "tf.nn.l2_loss(x)", "--shape", "1000000000000,8")
    assert code == 0


def test_a_function_that_does_not_fit_the_named_route_is_exit_1(capsys):
    options = ("--shape", "7,3", "--route", "fused", "--json")
    code, printed = in_process(capsys, "explain", "tf.cumsum(x, 1)[:, -1] ** 2", *options)
    assert code == 1
    message = json.loads(printed)["error"]
    assert "the fused route cannot serve the function" in message and "Cumsum" in message


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("tf.reduce_sum(", "no Python expression"),
        ("tf.frobnicate(x)", "frobnicate"),
        ("tf.reduce_sum(y)", "NameError: name 'y' is not defined"),
        ("x", "f's result has shape (7, 3)"),
        ("tf.ones([])", "not connected to x"),
        ("x @ tf.eye(4)", "ValueError: Dimensions must be equal"),
    ],
)
def test_a_FUNCTION_that_cannot_be_run_is_exit_2_and_says_why(function, message, capsys):
    code, printed = in_process(capsys, "explain", function, "--shape", "7,3", "--json")
    assert code == 2
    assert message in json.loads(printed)["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["explain", "x"], "required: --shape"),
        (["explain", "x", "--shape", "1000x8"], "'1000x8' is not a shape; expected such as 1000,8"),
        (["explain", "x", "--shape", "2,2", "--dtype", "int32"], "invalid choice: 'int32'"),
        (["bench"], "required: --quick"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what_is_expected(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        commands.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [(), ("explain",), ("check",)])
def test_help_tells_the_exit_codes(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        commands.main([*command, "--help"])
    assert stopped.value.code == 0
    assert commands.EXIT_CODES in capsys.readouterr().out


def test_an_interrupt_is_exit_130(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run", interrupted)
    code, printed = in_process(capsys, "check", "--json")
    assert (code, json.loads(printed)) == (130, {"error": "interrupted"})


def test_bench_compares_every_function_with_every_peer(monkeypatch, capsys):
    monkeypatch.setattr(bench, "SIZES", ((4, 2),))
    monkeypatch.setattr(bench, "SECONDS", 0.0)
    code, printed = in_process(capsys, "bench", "--quick", "--json")
    assert code == 0
    found = json.loads(printed)["comparisons"]
    assert [c["function"] for c in found] == ["elementwise", "density", "logsumexp"]
    for comparison in found:
        assert list(comparison["ratios"]) == ["batch_jacobian", "with XLA", "tf.fill"]
        for ratio in comparison["ratios"].values():
            assert 0 < ratio["first_quartile"] <= ratio["median"] <= ratio["third_quartile"]


def test_bench_times_nothing_that_differs(monkeypatch, capsys):
    monkeypatch.setattr(bench, "SIZES", ((4, 2),))
    monkeypatch.setattr(bh, "hessian", lambda f, x: 2.0 * demo.baselines.batch_jacobian(f, x))
    code, printed = in_process(capsys, "bench", "--quick", "--json")
    assert code == 1
    assert "batch_jacobian differs from blockhess by" in json.loads(printed)["error"]


def test_the_demo_gives_its_numbers_to_machines(monkeypatch, capsys):
    small = lambda screen, original=demo.density: original(screen, N=20, K=3)  # noqa: E731
    monkeypatch.setattr(demo, "density", small)
    code, printed = in_process(capsys, "demo", "--json")
    assert code == 0
    found = json.loads(printed)
    first = found["first_problem"][0]
    assert first["x"] == [[1, 2, 3], [4, 5, 6]] and first["gradient"] == [[2, 4, 6], [8, 10, 12]]
    assert first["blocks"] == (2 * np.broadcast_to(np.eye(3), (2, 3, 3))).tolist()
    assert found["density"]["output_bytes"] == 20 * 9 * 4
    assert len(found["density"]["median_seconds"]) == 7


def test_the_demo_is_what_the_README_promises():
    done = typed("demo")
    assert done.returncode == 0, done.stderr
    assert "The first problem" in done.stdout and "times blockhess" in done.stdout
    assert "\x1b" not in done.stdout
