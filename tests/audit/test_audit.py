"""Every row of the audit: what blockhess makes of it, and what TensorFlow alone does."""

from __future__ import annotations

import pytest
from judging import complaint_of, judge_tensorflow, verdict_on
from open_cases import OPEN, SOMETIMES
from subjects import SUBJECTS, cases_of

# A table that takes long is split: rows part, part + parts, ... of it are an item.
PARTS = {"elementwise": 3, "special_function": 2, "image": 2, "linalg": 2, "decomposition": 2}
ITEMS = [(subject, part) for subject in SUBJECTS for part in range(PARTS.get(subject, 1))]


@pytest.mark.full
@pytest.mark.parametrize(("subject", "part"), ITEMS)
def test_what_comes_out_of_a_row_is_what_its_table_says(subject, part, subtests):
    for case in cases_of(subject)[part :: PARTS.get(subject, 1)]:
        with subtests.test(case.name):
            complaint = complaint_of(case, verdict_on(subject, case))
            assert not complaint, complaint


@pytest.mark.full
@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_is_repaired_is_not_right_by_tensorflow_alone(subject, subtests):
    for case in cases_of(subject):
        # What differs from call to call is not looked for again.
        if case.tensorflow and case.calls == 1:
            with subtests.test(case.name):
                # One direction does not tell a block that is wrong from one that is zero.
                is_number = case.tensorflow in ("wrong", "zero")
                expected = {"wrong", "zero"} if is_number else {case.tensorflow}
                assert judge_tensorflow(case) in expected


@pytest.mark.full
def test_names_are_unique_and_what_is_open_is_a_row():
    names = [case.name for subject in SUBJECTS for case in cases_of(subject)]
    assert len(names) == len({*names})
    assert SOMETIMES <= {*OPEN} <= {*names}
