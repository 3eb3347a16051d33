"""What is not installed everywhere, and what the tests that need it say where it is absent."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

BROWSER = "chromium is not installed (Debian: `apt-get install chromium`)"
SPARK = "Spark or Java is not installed (`make spark`; Debian: `apt-get install default-jre-headless`)"
NEEDED_BY = {BROWSER: "in the browser", SPARK: "on Spark"}


def has_spark() -> bool:
    """True if Spark and a Java for it are there."""
    return find_spec("pyspark") is not None and shutil.which("java") is not None
