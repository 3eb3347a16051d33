"""Makes the interpreter fit for starting, and for answering quickly while other threads work."""

import gc
import sys

SWITCH_SECONDS = 0.0003
"""How long a thread may keep the interpreter to itself while another waits; Python's own choice is five times that.

The event loop asks for the interpreter several times for each answer, and each time it may have to wait so long for the
threads that record and seal.
"""

THRESHOLDS = (2_000, 10, 100)
"""When garbage is looked for: the young, those that stayed once, all. What is decided leaves next to none, and to look
through all took some milliseconds, twice a second, as Python comes.
"""


def tune_interpreter() -> None:
    """To be called once, when all is loaded; a start that put the collector off has it back.

    What is loaded by then stays, so the garbage collector need not look through it again and again: each time it did,
    nothing was answered for a tenth of a second.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*THRESHOLDS)
    if gc.isenabled():
        freeze_survivors()
    else:  # what garbage a start leaves is less than a megabyte, and to look for it takes a twentieth of a second
        gc.freeze()
        gc.enable()


def freeze_survivors() -> None:
    """Collect all garbage, and look through what is left no more: to be called while nothing waits."""
    gc.collect()
    gc.freeze()
    gc.enable()


def freeze_loaded_objects() -> None:
    """The same for policies that came into force: they are large, and stay. What is old is not looked through here."""
    gc.collect(1)
    gc.freeze()
