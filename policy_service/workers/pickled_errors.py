"""Pickles exceptions, so that each is raised where the work was asked for as it was raised in the worker.

Python pickles an exception as a call of its class with its `args`, which are the message where the class makes one of
its parameters. Here it arrives with its `args` and attributes, and `__init__` is not called again.
"""

from __future__ import annotations

import copyreg
import pickle
from contextlib import suppress
from io import BytesIO
from types import FunctionType, MappingProxyType
from typing import Any

from policy_service.errors import stack_frames


class WorkerError(Exception):
    """The work raised an exception that cannot be pickled; the message is its name."""


def pickle_error(error: Exception) -> bytes:
    """Return `(False, error)` pickled, with the traceback; an error that cannot be pickled is replaced by its name."""
    error.__dict__["where"] = stack_frames(error)
    with suppress(Exception):
        content = _pickled(error)
        pickle.loads(content)  # noqa: S301  # our own, a moment ago
        return content
    replacement = WorkerError(type(error).__name__)
    replacement.__dict__["where"] = stack_frames(error)
    return _pickled(replacement)


def _pickled(error: Exception) -> bytes:
    content = BytesIO()
    _ErrorPickler(content, pickle.HIGHEST_PROTOCOL).dump((False, error))
    return content.getvalue()


class _ErrorPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401  # as the library asks for it
        """Reduce an exception whose class has an `__init__` in Python."""
        if isinstance(value, BaseException) and isinstance(type(value).__init__, FunctionType):
            return _rebuild_error, (type(value), value.args), value.__dict__
        return NotImplemented


def _rebuild_error(kind: type[BaseException], arguments: tuple[object, ...]) -> BaseException:
    return kind.__new__(kind, *arguments)


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


# Pickle does not know read-only mappings, which errors and results have where there is nothing to say.
copyreg.pickle(MappingProxyType, lambda mapping: (_read_only, (dict(mapping),)))
