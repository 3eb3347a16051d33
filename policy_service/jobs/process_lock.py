"""The file lock by which processes that share a folder of job files detect which others are alive.

It is released when its process ends, in whatever way.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from policy_service.integrity import DamagedRecord
from policy_service.jobs.model import ID


class ProcessLock:
    """The lock that shows other processes that this one is alive."""

    def __init__(self, folder: Path, process: str) -> None:
        self.process = process
        self._file = _lock_file(folder, process)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        hidden = self._file.with_suffix(".new")  # locked before anybody finds it
        self._descriptor = os.open(hidden, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        hidden.rename(self._file)

    def close(self) -> None:
        """Release the lock."""
        self._file.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_locked(folder: Path, process: str) -> bool | None:
    """Return True if a process is alive, False if it has ended, None if it has no file here.

    The file of one that has ended is removed.
    """
    file = _lock_file(folder, process)
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        file.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def _lock_file(folder: Path, process: str) -> Path:
    return folder / f"{checked_name(process)}.lock"


def checked_name(id_: str) -> str:
    """Return an identifier that is safe as a file name. Raises DamagedRecord for any other text."""
    if not ID.fullmatch(id_):
        raise DamagedRecord("job", id_[:40])
    return id_
