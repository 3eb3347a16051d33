"""Drafts checked in a thread of the service: to start a process for it takes longer than a service lives here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest import mock

from anyio import to_thread

import api.examining


async def _in_thread(act: Callable[..., object], *given: object, cancellable: bool) -> object:
    return await to_thread.run_sync(partial(act, *given), abandon_on_cancel=cancellable)


def checked_in_threads() -> Any:  # noqa: ANN401  # as mock.patch gives it
    """While this lasts, or from `start` on, no process is started for a draft."""
    return mock.patch.multiple(api.examining, to_process=SimpleNamespace(run_sync=_in_thread), confine=bool)
