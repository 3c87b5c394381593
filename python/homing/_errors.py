"""Exceptions and warnings. Each has a stable `code`; exceptions also say what to do: `remedy`."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import Any


class Error(Exception):
    """Base class of all homing exceptions.

    >>> import homing
    >>> try:
    ...     homing.rfm("missing.csv")
    ... except homing.Error as error:
    ...     print(type(error).__name__, error.code)
    DataError no_file
    """

    def __init__(self, message: str, code: str = "error", remedy: str = "") -> None:
        """Makes an exception with a stable code and what to do."""
        super().__init__(message)
        self.code = code
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[Error], tuple[str, str, str], dict[str, Any]]:
        """For pickle, across processes."""
        return type(self), (str(self), self.code, self.remedy), vars(self)


class DataError(Error, ValueError):
    """The data cannot be used: missing columns, values that cannot be read, too little of it."""


class ArgumentError(Error, ValueError):
    """An argument is invalid."""


class ModelError(Error):
    """A model cannot be fitted, found, read or written."""


class NotFittedError(Error, ValueError, AttributeError):
    """The model has not been fitted yet."""


class InternalError(Error, RuntimeError):
    """A defect of homing: please report it."""


class DataWarning(UserWarning):
    """The data are readable but suspicious.

    Turn them into errors with `warnings.simplefilter("error", homing.DataWarning)`, or silence them with `"ignore"`.
    """

    def __init__(self, message: str, code: str = "", count: int = 0) -> None:
        """Makes a warning with a stable code and how often the case occurred."""
        super().__init__(message)
        self.code = code
        self.count = count


_KINDS = {kind.__name__: kind for kind in (DataError, ArgumentError, ModelError, InternalError)}


def pythonic(text: str) -> str:
    """Writes the flags of the command line as arguments: `--columns amount=total` as `columns={"amount": "total"}`."""
    text = re.sub(r"--columns ([a-z_]+)=([^\s`,;)]*)", r'columns={"\1": "\2"}', text)
    text = re.sub(r"--(dates|decimal|accept|header|timezone) ([a-z_]+|\.|,)(?=[\s`;),.]|$)", r'\1="\2"', text)
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda flag: flag.group(1).replace("-", "_"), text)


def make(kind: str, code: str, text: str) -> Error:
    """The exception of a kind; the remedy is what stands after the last semicolon."""
    text = pythonic(text)
    _, mark, remedy = text.rpartition("; ")
    return _KINDS[kind](text, code, remedy if mark else "")


def warn(code: str, text: str, count: int) -> None:
    """Warns at the line of the caller outside of this package."""
    home = str(Path(__file__).parent)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(home):
        frame, level = frame.f_back, level + 1
    warnings.warn(DataWarning(pythonic(text), code, count), stacklevel=level)
