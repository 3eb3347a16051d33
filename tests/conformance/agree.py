"""Compares every evaluator with the definition on as many generated pairs as asked for.

    python -m tests.conformance.agree --pairs 200000 [--seed 0] [--processes 2]

Ends with 1 at a difference, after printing the policy, the facts, both answers and the seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from tests.conformance.comparison import BLOCK, Tally, compare_block

SHOWN = 3
"""Differences that are printed before giving up."""


def main() -> int:
    """Compares; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000, help="pairs of a policy and a subject (default 10,000)")
    parser.add_argument("--seed", type=int, default=0, help=f"the first seed; each gives {BLOCK} pairs")
    parser.add_argument("--processes", type=int, default=2, help="processes to work with (default 2)")
    arguments = parser.parse_args()
    started = time.perf_counter()
    tally = Tally()
    try:
        for done in _blocks(arguments.seed, arguments.pairs, arguments.processes):
            tally.add(done)
            _progress(tally, arguments.pairs, started)
            if len(tally.differences) >= SHOWN:
                break
    except BrokenProcessPool:
        tally.differences.append(
            f"a process died after {tally.pairs:,} pairs: one of the next seeds ends the rules engine"
        )
    for difference in tally.differences:
        print(f"\n{'=' * 100}\n{difference}")
    print(summary(tally, time.perf_counter() - started))
    return 1 if tally.differences else 0


def _blocks(seed: int, pairs: int, processes: int) -> Iterator[Tally]:
    """The tallies of the blocks, as they are done."""
    sizes = [min(BLOCK, pairs - start) for start in range(0, pairs, BLOCK)]
    if processes == 1:
        for offset, size in enumerate(sizes):
            yield compare_block(seed + offset, size)
        return
    with ProcessPoolExecutor(processes) as pool:
        futures = [pool.submit(compare_block, seed + offset, size) for offset, size in enumerate(sizes)]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _progress(tally: Tally, pairs: int, started: float) -> None:
    rate = tally.pairs / (time.perf_counter() - started)
    if sys.stderr.isatty() or tally.pairs % 20_000 < BLOCK:
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"{tally.pairs:>10,} of {pairs:,} pairs, {rate:,.0f} pairs/s", end=end, file=sys.stderr, flush=True)


def summary(tally: Tally, seconds: float) -> str:
    """One line that says what was compared."""
    shares = ", ".join(f"{name} {count / max(1, tally.pairs):.1%}" for name, count in sorted(tally.statuses.items()))
    return (
        f"{tally.pairs:,} pairs, {tally.policies:,} policies ({tally.accepted:.1%} of those generated were accepted), "
        f"{shares}; {tally.pairs / seconds:,.0f} pairs/s; differences: {len(tally.differences)}"
    )


if __name__ == "__main__":
    sys.exit(main())
