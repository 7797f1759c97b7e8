"""The NumPy face gives the bits that the TensorFlow face gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faces import CASES, differences

import blockhess as bh


@pytest.mark.parametrize("case", [CASES[0], *CASES[-3:]], ids=lambda case: case.text or "b")
def test_a_few_functions_agree_in_every_bit(case):
    assert list(differences([case])) == []


@pytest.mark.full
@pytest.mark.parametrize("isa", bh.build_info()["isas"])
def test_both_faces_agree_in_every_bit(isa):
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("faces.py")],
        env={**os.environ, "BLOCKHESS_ISA": isa},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"computed with {isa}\n"
