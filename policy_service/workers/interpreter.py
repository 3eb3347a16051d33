"""Tunes the interpreter for a fast start, and for fast answers while other threads work."""

import gc
import sys

SWITCH_SECONDS = 0.0003
"""How long a thread may hold the interpreter while another waits; a fifth of Python's default.

The event loop needs the interpreter several times per answer, and may have to wait this long each time for the threads
that record and seal.
"""

THRESHOLDS = (2_000, 10, 100)
"""Thresholds of the garbage collector's generations. Decisions leave almost no garbage, and with Python's defaults a
full collection took some milliseconds, twice a second.
"""


def tune_interpreter() -> None:
    """Tune the interpreter; call it once, after everything is loaded.

    It turns the collector on again if the start turned it off.

    What is loaded is excluded from later collections, each of which blocked answers for a tenth of a second.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*THRESHOLDS)
    if gc.isenabled():
        freeze_survivors()
    else:  # a start leaves less than a megabyte of garbage, and collecting it takes a twentieth of a second
        gc.freeze()
        gc.enable()


def freeze_survivors() -> None:
    """Collect all garbage, and exclude what survives from later collections; call it while nothing waits."""
    gc.collect()
    gc.freeze()
    gc.enable()


def freeze_loaded_objects() -> None:
    """Exclude newly loaded policies, large and long-lived, from later collections, without a full collection."""
    gc.collect(1)
    gc.freeze()
