"""A custom call that XLA refuses is an error where an op is compiled, which says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import tensorflow as tf
from squatted import error_beside

import blockhess as bh
from processes import in_a_process

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels"),
]


def test_a_name_that_another_library_has_is_an_error_that_names_it(tmp_path):
    library = tmp_path / "squatter.so"
    command = ["g++", "-shared", "-fPIC", Path(__file__).with_name("squatter.cc"), "-o", library]
    include, folder = tf.sysconfig.get_include(), tf.sysconfig.get_lib()
    command += ["-w", f"-I{include}", f"-L{folder}", "-l:libtensorflow_framework.so.2"]
    subprocess.run(command, check=True)
    kind, message = in_a_process(error_beside, str(library))
    assert kind == "FailedPreconditionError"
    assert "XLA refused the custom call BlockhessTerms on Host" in message
