"""The op library, loaded once."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

library = tf.load_op_library(str(Path(__file__).parent.parent / "_tf.so"))

# TEMPORARY, until the op's attribute `terms` is one string: see /tmp/dev/BUGS_CSRC.md.
from tensorflow.python.eager import context  # noqa: E402
from tensorflow.python.framework import op_def_registry  # noqa: E402


def _list_attribute(function):
    def call(*, terms, **keywords):
        context.context().clear_kernel_cache()
        return function(terms=terms.split("\n"), **keywords)

    return call


_definition = op_def_registry.get("BlockhessTerms")
if any(a.name == "terms" and a.type == "list(string)" for a in _definition.attr):
    library.blockhess_terms = _list_attribute(library.blockhess_terms)
    if hasattr(library, "blockhess_terms_grad"):
        library.blockhess_terms_grad = _list_attribute(library.blockhess_terms_grad)
