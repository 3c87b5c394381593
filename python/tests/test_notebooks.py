"""The notebooks (docs/notebooks, scripts with cells) run from top to bottom."""

from __future__ import annotations

import runpy

import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.py"))


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook):
    plt = pytest.importorskip("matplotlib.pyplot")
    runpy.run_path(str(notebook))
    plt.close("all")
