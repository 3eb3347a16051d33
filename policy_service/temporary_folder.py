"""A folder for the temporary files of a process; what a killed process leaves is removed by the next one.

    TMPDIR/policy-service-process-x7k2p9/    locked with flock(2) while its process is there, however that ends

The system's folder for temporary files is shared: only folders with this prefix, of the same user, that are no link and
not locked are removed. systemd-tmpfiles(8) does not touch a locked folder either.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "policy-service-process-"


@contextmanager
def own_temporary_folder() -> Iterator[Path]:
    """Use an own folder for the temporary files of this process and its children."""
    system, named = tempfile.gettempdir(), os.environ.get("TMPDIR")
    _remove_abandoned(Path(system))
    hidden = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))  # locked before any other process can find it
    descriptor = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    folder = hidden.rename(hidden.with_name(hidden.name[1:]))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = system
        os.environ.pop("TMPDIR") if named is None else os.environ.update(TMPDIR=named)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned(system: Path) -> None:
    for folder in system.glob(f"{PREFIX}*"):
        with suppress(OSError):  # a file, a link, another user's folder, or locked
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.getuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
