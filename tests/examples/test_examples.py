"""The examples, in small, show what they say they show, and draw it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))

import curve_fits  # noqa: E402
import density_ellipses  # noqa: E402
import first_problem  # noqa: E402
import laplace_approximation  # noqa: E402
import physics_informed_network  # noqa: E402


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    yield path
    with Image.open(path) as image:
        assert image.mode == "P" and len(image.getcolors()) > 10


def test_tf_hessians_holds_the_blocks_and_zeros(picture):
    assert first_problem.main(largest=16, picture=picture) < 1e-6


def test_the_curvature_of_a_mixture_is_its_closed_form(picture):
    assert density_ellipses.main(points=10, picture=picture) < 1e-10


@pytest.mark.full
def test_Laplaces_evidence_is_near_the_integral_where_cases_are_many(picture):
    assert laplace_approximation.main(rows=20, cases=400, checked=5, picture=picture) < 0.01


@pytest.mark.full
def test_curve_fits_are_those_of_SciPy(picture):
    assert curve_fits.main(N=20, picture=picture) < 1e-4


@pytest.mark.full
def test_a_few_steps_bring_the_network_near_the_exact_film(picture):
    assert physics_informed_network.main(steps=400, points=200, picture=picture) < 0.1


@pytest.mark.full
def test_scipy_finds_scikit_learns_weights_in_fewer_steps_with_the_Hessian():
    command = [sys.executable, ROOT / "examples" / "scipy_newton.py"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    found = [re.fullmatch(r"(.*): (\d+) iterations, within (.*) of .*", line) for line in lines]
    steps = {match[1]: int(match[2]) for match in found}
    assert steps["trust-exact"] < steps["Newton-CG"] < steps["BFGS"]
    assert all(float(match[3]) < 1e-5 for match in found)


def test_the_committed_pictures_are_small_and_each_has_its_example_and_its_place():
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.png"))
    page = (ROOT / "docs" / "examples.md").read_text()
    assert len(pictures) >= 6
    for path in pictures:
        assert path.stat().st_size < 150 * 1024, path.name
        assert (ROOT / "examples" / f"{path.stem}.py").exists(), path.name
        assert f"](pictures/{path.name})" in page, path.name
