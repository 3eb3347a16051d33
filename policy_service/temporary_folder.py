"""A folder for the temporary files of a process; the next process removes what one that was killed left.

    TMPDIR/policy-service-process-x7k2p9/    locked with flock(2) while its process is there, however that ends

Everyone writes to the system's folder for temporary files: what is removed has this prefix, belongs to the same user,
is no link, and is locked by nobody. systemd-tmpfiles(8) keeps its hands off a locked folder as well.
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
    """Have this process, and those that it starts, put their temporary files into a folder of their own.

    Raises OSError.
    """
    system, named = tempfile.gettempdir(), os.environ.get("TMPDIR")
    _remove_abandoned(Path(system))
    hidden = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))  # locked before anybody finds it
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
        with suppress(OSError):  # a file, a link, somebody else's, or locked
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.getuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
