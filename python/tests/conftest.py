"""What the tests share."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import polars
import pyarrow
import pytest

import homing
from homing import _homing

ROOT = Path(os.environ.get("HOMING_ROOT", Path(__file__).resolve().parent.parent.parent))

if os.environ.get("MPLBACKEND") is None:
    os.environ["MPLBACKEND"] = "Agg"


# Histories read last, each with a hash of what was read. Few, because they are large.
_READ: deque = deque(maxlen=16)


def _hash(source, options) -> str | None:
    """A hash of what is read; none where reading it here would consume it."""
    content = hashlib.sha256(repr(options).encode())
    if isinstance(source, (pyarrow.Table, polars.DataFrame)):
        table = pyarrow.table(source)
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        content.update(sink.getvalue())
    elif isinstance(source, list) and all(os.path.isfile(one) for one in source):
        for one in source:
            content.update(hashlib.sha256(Path(one).read_bytes()).digest())
    else:
        return None
    return content.hexdigest()


def _hashed(read):
    def remembered(source, options):
        hashed = _hash(source, options)
        histories = read(source, options)
        _READ.append((histories, hashed))
        return histories

    return remembered


def _once(make):
    """Fits and backtests take most of the time of the tests, and many examples have the same: each is made once. That it is the same
    every time is a test of its own (test_model). A call with a progress callback is never shared."""
    made = {}

    def remembered(data, settings, what, progress=None):
        hashed = next((known for histories, known in _READ if histories is data), None)
        if progress is not None or hashed is None:
            return make(data, settings, what, progress)
        key = (hashed, data.timezone, repr(settings), repr(what))
        if key not in made:
            made[key] = make(data, settings, what, progress)
        return made[key]

    return remembered


_homing.read_frame, _homing.read_files = _hashed(_homing.read_frame), _hashed(_homing.read_files)
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
