"""Two versions' tables in one: what is said differently is marked, nothing else is, and nothing is lost."""

from pathlib import Path

import pytest

from policy_service.analysis.difference import difference
from policy_service.analysis.table_difference import MAX_UNFOLDED_ROWS, MergedTable, merged_tables
from policy_service.language.load import load_bytes
from policy_service.language.policy import Language
from policy_service.shipped import shipped_policies
from tests.approval.world import tier
from tests.pages.policies.texts import SCORED, crossed, rules

SHIPPED = sorted(shipped_policies().glob("*/*/*.yaml"))


def merged(old: bytes | None, new: bytes, lang: Language = "en") -> MergedTable:
    return merged_tables(difference(load_bytes(old) if old else None, load_bytes(new)), lang).rules


def names(table: MergedTable) -> list[str | None]:
    return [row.cells[0].after or row.cells[0].before for row in table.rows]


def row(rule: str, when: str, then: str = "big") -> str:
    return f'    - {{id: {rule}, when: ["{when}"], then: [{then}], because: {{zh: 因, en: reason}}}}\n'


def table(*rows: str, version: str = "1.0.0", hit: str = "FIRST") -> bytes:
    text = tier(version).decode().replace("hit: UNIQUE", f"hit: {hit}")
    before = text.partition("  rows:\n")[0]
    return f"{before}  rows:\n{''.join(rows)}examples: []\n".encode()


@pytest.mark.one_in(4)
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_version_does_not_differ_from_itself(file: Path, lang: Language) -> None:
    policy = load_bytes(file.read_bytes())
    tables = merged_tables(difference(policy, policy), lang)
    assert not tables.rules.differs
    assert not tables.facts.differs
    assert not tables.outcomes.differs


@pytest.mark.one_in(4)
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name)
def test_of_a_new_policy_everything_is_new(file: Path) -> None:
    policy = load_bytes(file.read_bytes())
    tables = merged_tables(difference(None, policy), "zh")
    assert {each.status for each in tables.rules.rows} == {"new"}
    assert len(tables.rules.rows) == len(policy.rules)


def test_another_title_or_reason_is_wording_and_no_other_rule() -> None:
    old = tier("1.0.0")
    titled = old.replace(b"{id: big, ", "{id: big, title: {zh: 大, en: Large}, ".encode())
    big, small = merged(old, titled).rows
    assert (big.status, big.is_wording, small.status, small.is_wording) == ("changed", True, "same", False)
    assert [(cell.before, cell.after) for cell in big.cells if cell.changed] == [("`big`", "Large `big`")]
    assert merged(old, titled.replace(b"en: many}}", b"en: a lot}}")).rows[0].is_wording
    assert not merged(old, titled.replace(b">= 100", b">= 90")).rows[0].is_wording


def test_a_changed_cell_says_what_it_said_before() -> None:
    tables = merged(tier("1.0.0"), tier("1.1.0", 150))
    big = tables.rows[0]
    assert big.status == "changed"
    assert [(cell.before, cell.after) for cell in big.cells if cell.changed] == [("at least 100", "at least 150")]


def test_rows_that_are_new_gone_and_moved_are_marked() -> None:
    old = table(row("a", "< 1"), row("b", "< 2"), row("c", "< 3"), row("d", "-"))
    new = table(row("c", "< 3"), row("a", "< 1"), row("e", "< 9"), row("d", "-"), version="1.1.0")
    tables = merged(old, new)
    assert names(tables) == ["`c`", "`a`", "`b`", "`e`", "`d`"]
    assert [each.status for each in tables.rows] == ["same", "same", "gone", "new", "same"]
    assert [each.previous_position for each in tables.rows].count("") == 4, (
        "one of the two that changed places was moved"
    )


def test_a_column_that_is_new_or_gone_is_marked() -> None:
    two = tier("1.1.0").replace(b"  orders: {", b"  visits: {type: integer, title: {zh: x, en: visits}}\n  orders: {")
    two = two.replace(b"inputs: [orders]", b"inputs: [visits, orders]").replace(b'when: [">', b'when: ["-", ">')
    two = two.replace(b'when: ["<', b'when: ["-", "<').replace(b"facts: {orders", b"facts: {visits: 1, orders")
    tables = merged(tier("1.0.0"), two)
    assert [(each.title, each.status) for each in tables.columns][1:3] == [("visits", "new"), ("orders", "same")]
    back = merged(two, tier("1.2.0"))
    assert [(each.title, each.status) for each in back.columns][1:3] == [("visits", "gone"), ("orders", "same")]


def test_what_reads_alike_and_means_something_else_is_changed() -> None:
    """Two facts change their titles and their conditions, so that every word stays."""
    first = tier("1.0.0").replace(b"  orders: {", b"  visits: {type: integer, title: {zh: x, en: visits}}\n  orders: {")
    first = first.replace(b"facts: {orders", b"facts: {visits: 1, orders")
    free = b"rules:\n  hit: UNIQUE\n  rows:\n    - {id: big, when: %s >= 3, then: [big], because: {zh: a, en: b}}\n"
    head = first.partition(b"table:")[0]
    one = head + free % b"visits" + b"examples: []\n"
    other = one.replace(b"version: 1.0.0", b"version: 1.1.0").replace(b"zh: x, en: visits", b"zh: q, en: q")
    other = other.replace("{zh: 订单, en: orders}".encode(), b"{zh: x, en: visits}").replace(b"visits >=", b"orders >=")
    tables = merged(one, other)
    [changed] = [cell for cell in tables.rows[0].cells if cell.changed]
    assert changed.before == changed.after


def test_long_runs_that_are_the_same_stand_in_one_line() -> None:
    count = MAX_UNFOLDED_ROWS + 8
    old = table(*(row(f"r{place}", f"< {place}") for place in range(count)), row("rest", "-"))
    new = table(
        *(row(f"r{place}", f"< {place + (place == 10)}") for place in range(count)), row("rest", "-"), version="1.1.0"
    )
    whole = merged_tables(difference(load_bytes(old), load_bytes(new)), "en")
    assert {each.folded_count for each in whole.rules.rows} == {0}
    assert len(whole.rules.rows) == count + 1
    result = whole.folded().rules
    assert [each.folded_count for each in result.rows] == [9, 0, 0, 0, count - 11]
    assert result.rows[2].status == "changed"
    assert sum(each.folded_count or 1 for each in result.rows) == count + 1


def test_free_rules_and_scorecards_are_laid_over_each_other_too() -> None:
    tables = merged(rules(), rules("1.1.0", 2000))
    assert [each.status for each in tables.rows] == ["same", "changed"]
    other = SCORED.replace("version: 1.0.0", "version: 1.1.0").replace("points: 20", "points: 30")
    scored = merged_tables(difference(load_bytes(SCORED.encode()), load_bytes(other.encode())), "en")
    assert [(cell.before, cell.after) for cell in scored.rules.rows[0].cells if cell.changed] == [("20", "30")]
    assert scored.bands is not None
    assert not scored.bands.differs


def test_two_cross_tables_are_laid_over_each_other_as_one_grid() -> None:
    tables = merged_tables(difference(load_bytes(crossed()), load_bytes(crossed("1.1.0", within="PT5H"))), "en")
    assert tables.grid is not None
    assert [column.title for column in tables.grid.columns] == ["tier ↓ orders →", "less than 10", "at least 10"]
    assert [each.status for each in tables.grid.rows] == ["changed", "same"]
    assert [(cell.before, cell.after) for cell in tables.grid.rows[0].cells if cell.changed] == [
        ("high; 1 hour", "high; 5 hours")
    ]


def test_a_line_that_asks_something_else_is_another_line() -> None:
    tables = merged_tables(difference(load_bytes(crossed()), load_bytes(crossed("1.1.0", limit=20))), "en")
    assert tables.grid is not None
    assert [(column.title, column.status) for column in tables.grid.columns[1:]] == [
        ("less than 10", "gone"),
        ("at least 10", "gone"),
        ("less than 20", "new"),
        ("at least 20", "new"),
    ]


def test_a_grid_is_shown_where_both_are_cross_tables_over_the_same_facts() -> None:
    cross, table_ = load_bytes(crossed()), load_bytes(tier("1.0.0"))
    assert merged_tables(difference(None, cross), "zh").grid is not None
    assert merged_tables(difference(None, table_), "zh").grid is None
    assert merged_tables(difference(table_, cross), "zh").grid is None
    turned = crossed("1.1.0").replace(b"down: tier", b"down: orders").replace(b"across: orders", b"across: tier")
    turned = turned.replace(b'"< 10"', b"'\"S\"'").replace(b'">= 10"', b"'\"A\"'")
    turned = turned.replace(b"id: S, when: '\"S\"'", b"id: S, when: 1").replace(
        b"id: A, when: '\"A\"'", b"id: A, when: 2"
    )
    turned = turned.partition(b"examples:")[0]
    assert merged_tables(difference(cross, load_bytes(turned)), "zh").grid is None


def test_another_form_has_other_columns() -> None:
    form = tier("1.1.0").replace(b"table:", b"rules:").replace(b"  inputs: [orders]\n", b"")
    form = form.replace(b'when: [">= 100"]', b"when: orders >= 100").replace(b'when: ["< 100"]', b"when: orders < 100")
    tables = merged(tier("1.0.0"), form)
    assert {each.status for each in tables.columns} == {"same", "new", "gone"}
    assert {each.status for each in tables.rows} == {"changed"}
