"""Temporary files that only their owner can read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def create_private_file(prefix: str) -> Path:
    """Create an empty file that only its owner can read."""
    descriptor, name = tempfile.mkstemp(prefix=prefix)
    os.close(descriptor)
    return Path(name)
