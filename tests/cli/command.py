"""Calls the command line the way a person does, in this process, and keeps what it printed."""

import io
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from policy_service.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: object
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: object, stdin: bytes = b"") -> Ended:
    """Runs `policy-service` with these arguments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["policy-service", *map(str, arguments)])
        patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin), isatty=lambda: False))
        with pytest.raises(SystemExit) as ended:
            main()
    printed = capsys.readouterr()
    return Ended(ended.value.code or 0, printed.out, printed.err)
