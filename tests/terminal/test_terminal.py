"""`python -m blockhess`: what it prints, for people and for machines, and its exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streams import ESCAPES, Opened, Printed, pipe, standard_streams, terminal

import blockhess as bh
from blockhess.terminal import bench, check, commands, demo
from blockhess.terminal.checks import closed_form, every_route

PLACES = {"a terminal": terminal, "a pipe": pipe}


@pytest.fixture
def typed(monkeypatch) -> Callable[..., tuple[int, Printed]]:
    """Exit code and output of a command whose standard streams are `device`, `columns` wide."""
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def run(
        *arguments: str, device: Callable[[], Opened] = pipe, columns: int = 80
    ) -> tuple[int, Printed]:
        if device is terminal:
            device = partial(terminal, columns)
        elif columns != 80:
            monkeypatch.setenv("COLUMNS", str(columns))
        code = 0
        with standard_streams(device) as printed:
            try:
                code = commands.main(arguments)
            except SystemExit as stopped:
                code = stopped.code
        monkeypatch.delenv("COLUMNS", raising=False)
        return code, printed

    return run


def test_info_is_the_build_info_as_text_and_as_JSON(typed):
    (code, text), (also_code, machine) = typed("info"), typed("info", "--json")
    assert (code, also_code) == (0, 0)
    facts = json.loads(machine.out)
    assert facts.items() >= dict(bh.build_info()).items()
    assert "/device:CPU:0" in facts["devices"]
    assert all(name in text.out for name in facts)


def test_nothing_is_cut_off_and_no_line_is_too_long_on_a_narrow_terminal(typed, subtests):
    for place, device in PLACES.items():
        with subtests.test(place):
            wide, narrow = (typed("info", columns=n, device=device)[1].out for n in (300, 40))
            assert max(map(len, narrow.splitlines())) <= 40
            assert sorted("".join(narrow.split())) == sorted("".join(wide.split()))


COMMANDS = {
    "info": ["info"],
    "explain": ["explain", "tf.exp(-0.5 * tf.reduce_sum(x * x, 1))", "--shape", "1000,8"],
    "explain, autodiff": ["explain", "tf.cumsum(x, 1)[:, -1] ** 2", "--shape", "1000,8"],
    "explain, an error": ["explain", "tf.frobnicate(x)", "--shape", "1000,8"],
    "check": ["check"],
    "bench": ["bench", "--quick"],
    "demo": ["demo"],
    "no command": ["frobnicate"],
    "help": ["--help"],
    **{f"help of {c}": [c, "--help"] for c in ("info", "demo", "explain", "check", "bench")},
}


@pytest.fixture
def without_measuring(monkeypatch):
    """Numbers as wide as they get, where the commands measure; the rest is as it is."""
    ratio = bench.Ratio(9999.0, 999.9, 9999.4)
    ratios = dict.fromkeys(("batch_jacobian", "with XLA", "tf.fill"), ratio)
    comparison = lambda case, N, K: bench.Comparison(case.name, N, K, 1.2345e-5, ratios)  # noqa: E731
    monkeypatch.setattr(bench, "_comparison", comparison)
    monkeypatch.setattr(bench, "SIZES", ((1_000_000, 32),))
    monkeypatch.setattr(
        check,
        "_finding",
        lambda c: check.Finding(c.subject, c.where, c.where != "CPU:0", 1.25e-16, "as it came"),
    )
    monkeypatch.setattr(demo, "_times", lambda ways, *_: dict.fromkeys(ways, 9.87654))
    monkeypatch.setattr(demo, "_memory", lambda names, *_: dict.fromkeys(names))


def words_of(printed: str) -> set[str]:
    return {word for word in ESCAPES.sub("", printed).split() if word.strip("─")}


@pytest.mark.parametrize("name", COMMANDS)
def test_80_columns_hold_every_line_and_no_word_is_broken(name, typed, without_measuring, subtests):
    """Except a word that is longer than a column by itself, a path."""
    code, wide = typed(*COMMANDS[name], columns=500)
    long = [word for word in words_of(wide.out) if len(word) > 50]
    for place, device in PLACES.items():
        with subtests.test(place):
            also_code, narrow = typed(*COMMANDS[name], device=device)
            out, err = (ESCAPES.sub("", text) for text in (narrow.out, narrow.err))
            assert max(map(len, out.splitlines()), default=0) <= 80
            pieces = words_of(out) - words_of(wide.out)
            assert all(any(piece in word for word in long) for piece in pieces)
            assert words_of(err) >= words_of(wide.err)
            assert also_code == code
            if device is pipe:
                assert "\x1b" not in narrow.out + narrow.err


def test_the_page_shows_the_table_of_the_self_test(typed, without_measuring):
    """Beside instruction sets, GPUs and XLA, which a machine or a build may lack."""

    def rows(text: str) -> list[list[str]]:
        lines = [line.strip() for line in text.splitlines() if line.strip("─ ")]
        cells = [re.split("  +", line)[:2] for line in lines]
        return [
            row
            for row in cells
            if row[0] != "the formula, maps" and not re.search("XLA|GPU", row[-1])
        ]

    page = (Path(__file__).parents[2] / "docs/terminal.md").read_text()
    shown = re.search(r"```text\n(.*?)\n\n", page, re.DOTALL)[1]
    assert max(map(len, shown.splitlines())) <= 80
    assert rows(shown) == rows(typed("check")[1].out)[: len(rows(shown))]


def test_the_self_test_passes_here_on_every_instruction_set_and_route(capsys):
    code, printed = in_process(capsys, "check", "--json")
    found = json.loads(printed)
    assert code == 0, printed
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


@pytest.mark.full
def test_the_self_test_fails_and_names_what_failed_where_results_are_wrong(monkeypatch, capsys):
    """In every mode the same results are compared in the same way; eagerly in the least time."""
    monkeypatch.setattr(every_route, "MODES", {"eager": every_route.MODES["eager"]})
    monkeypatch.setattr(every_route, "XLA", {})
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

    def f(x):
        import tensorflow as tf

        return tf.nn.l2_loss(x)

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


@pytest.mark.full
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


@pytest.mark.full
def test_the_demo_computes_times_and_weighs_what_it_says(capsys):
    """.ci/run has it print the same for people."""
    code, printed = in_process(capsys, "demo", "--json")
    assert code == 0, printed
    found = json.loads(printed)
    first = found["first_problem"][0]
    assert first["x"] == [[1, 2, 3], [4, 5, 6]] and first["gradient"] == [[2, 4, 6], [8, 10, 12]]
    assert first["blocks"] == (2 * np.broadcast_to(np.eye(3), (2, 3, 3))).tolist()
    density = found["density"]
    assert density["output_bytes"] == 100_000 * 64 * 4
    assert len(density["median_seconds"]) == 7
    assert set(density["peak_bytes"]) < set(density["median_seconds"])
    assert all(peak >= density["output_bytes"] for peak in density["peak_bytes"].values())
