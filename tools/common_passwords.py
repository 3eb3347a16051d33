"""Makes `policy_service/identity/common_passwords.txt.gz` from a list of passwords in the order of their frequency.

    python -m tools.common_passwords 10_million_password_list_top_1M.txt

The list is SecLists' (Daniel Miessler, MIT). Kept are the first passwords that are long enough to be allowed, and the
first words of any length, which people make long enough with digits and signs.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from policy_service.identity.passwords import COMMON, MIN_DISTINCT, MIN_LENGTH, MIN_NAME_LENGTH

LONG, WORDS = 20_000, 20_000


def chosen(passwords: Iterable[str]) -> list[str]:
    """Return the passwords chosen from a list, sorted."""
    known = list(dict.fromkeys(password.strip().casefold() for password in passwords))
    long = (each for each in known if len(each) >= MIN_LENGTH and len(set(each)) >= MIN_DISTINCT)
    words = (each for each in known if len(each) > MIN_NAME_LENGTH and each.isalpha())
    return sorted({*islice(long, LONG), *islice(words, WORDS)})


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="ignore") as opened:
        yield from opened


if __name__ == "__main__":
    content = "\n".join(chosen(_lines(Path(sys.argv[1])))).encode()
    COMMON.write_bytes(gzip.compress(content, 9, mtime=0))
