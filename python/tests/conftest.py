"""What the tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import homing

ROOT = Path(os.environ.get("HOMING_ROOT", Path(__file__).resolve().parent.parent.parent))

if os.environ.get("MPLBACKEND") is None:
    os.environ["MPLBACKEND"] = "Agg"


@pytest.fixture(scope="session")
def purchases():
    return homing.datasets.cdnow()


@pytest.fixture(scope="session")
def model(purchases):
    return homing.Model(horizons=(30, 90), name="shop").fit(purchases, as_of="1998-03-31")


@pytest.fixture(scope="session")
def program():
    """Runs `homing` or `homing-train`, which came with the wheel."""

    def run(name: str, *args: object, cwd: Path | None = None) -> str:
        path = Path(sys.executable).parent / name
        done = subprocess.run([str(path), *map(str, args)], capture_output=True, text=True, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
