"""What a process that was killed left in the folder for temporary files is removed, and nothing of anybody else."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from policy_service.temporary_folder import PREFIX, own_temporary_folder

LIVES = """
import sys, tempfile
from policy_service.temporary_folder import own_temporary_folder

with own_temporary_folder():
    print(tempfile.mkstemp()[1], flush=True)
    sys.stdin.read()
"""


def _process(system: Path) -> tuple["subprocess.Popen[str]", Path]:
    """A process that is there until its input ends, and a temporary file of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIVES],
        env={**os.environ, "TMPDIR": str(system)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_files_of_a_process_that_was_killed_are_removed_and_no_others(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    link, file, other = (tmp_path / name for name in (f"{PREFIX}link", f"{PREFIX}file", "policy-service-mine"))
    link.symlink_to(elsewhere)
    file.touch()
    other.mkdir()
    (lives, its_file), (killed, left) = _process(tmp_path), _process(tmp_path)
    killed.kill()
    killed.communicate()
    assert left.is_file()
    before = tempfile.gettempdir(), os.environ.get("TMPDIR")
    tempfile.tempdir = str(tmp_path)
    try:
        with own_temporary_folder() as folder:
            assert not left.parent.exists()
            assert folder.stat().st_mode & 0o777 == 0o700
            assert Path(tempfile.mkstemp()[1]).parent == folder
            assert os.environ["TMPDIR"] == str(folder)
            assert {link, file, other, elsewhere / "kept", its_file, folder} <= set(tmp_path.rglob("*"))
        assert not folder.exists()
        assert (tempfile.gettempdir(), os.environ.get("TMPDIR")) == (str(tmp_path), before[1])
    finally:
        tempfile.tempdir = before[0]
        lives.communicate("")
    assert lives.returncode == 0
    assert not its_file.parent.exists()
