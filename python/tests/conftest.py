"""What the tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import homing
from homing import _homing

ROOT = Path(os.environ.get("HOMING_ROOT", Path(__file__).resolve().parent.parent.parent))

if os.environ.get("MPLBACKEND") is None:
    os.environ["MPLBACKEND"] = "Agg"


def _once(make):
    """Fits and backtests take most of the time of the tests, and many examples have the same: each is made once. That it is the same
    every time is a test of its own (test_model). Who watches the progress gets one of their own."""
    made = {}

    def remembered(data, settings, what, progress=None):
        if progress is not None:
            return make(data, settings, what, progress)
        key = (data.summary(), data.recognised(), data.timezone, repr(settings), repr(what))
        if key not in made:
            made[key] = make(data, settings, what, progress)
        return made[key]

    return remembered


_homing.fit, _homing.backtest = _once(_homing.fit), _once(_homing.backtest)


@pytest.fixture(scope="session")
def purchases():
    return homing.datasets.cdnow()


@pytest.fixture(scope="session")
def few(purchases):
    """The purchases of every tenth customer: the 1/10 sample of the literature."""
    ids = sorted(purchases["customer_id"].unique())[::10]
    return purchases[purchases["customer_id"].isin(ids)]


@pytest.fixture(scope="session")
def model(purchases):
    return homing.Model(horizons=(30, 90)).fit(purchases, as_of="1998-03-31")


@pytest.fixture(scope="session")
def program():
    """Runs `homing` or `homing-train`, which came with the wheel."""

    def run(name: str, *args: object, cwd: Path | None = None) -> str:
        path = Path(sys.executable).parent / name
        done = subprocess.run([str(path), *map(str, args)], capture_output=True, text=True, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
