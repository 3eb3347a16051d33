"""An entry is one line of canonical JSON; what was read is written as the same bytes again."""

from datetime import UTC, datetime

import pytest

from policy_service.audit.chain import GENESIS, encode_entry, entry_line, read_entry
from tests.audit.logs import AUTHOR

AT = datetime(2026, 11, 21, tzinfo=UTC)
BODY = {"text": "意见 “x” \\ 7", "count": 7, "none": None, "list": [True, {"b": 1, "a": 2}]}
ROWS = [("change", "0197-change", f"sha256:{7:064x}"), ("session", "gone", None)]


@pytest.mark.parametrize(("rows", "state"), [([], None), ([], GENESIS), (ROWS, f"sha256:{8:064x}")])
def test_an_entry_that_was_read_has_the_line_it_was_read_from(
    rows: list[tuple[str, str, str | None]], state: str | None
) -> None:
    line = entry_line(7, AT, AUTHOR, "change_commented", ("change:0197-change",), BODY, GENESIS, rows, state)
    entry = read_entry(line)
    assert (entry.seq, entry.body, entry.rows, entry.rows_state) == (7, BODY, rows, state)
    assert encode_entry(entry) == line
