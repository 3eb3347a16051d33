"""Lint: warnings about questionable parts of a valid policy file, with their positions.

| code                | what                                                                                       |
|---------------------|--------------------------------------------------------------------------------------------|
| `never-true`        | a cell, a test or a comparison that holds for no value its fact can have                   |
| `always-true`       | one that holds for every value                                                             |
| `too-fine`          | a constant with more decimals than its fact                                                |
| `out-of-bounds`     | an end of an interval that its fact cannot have                                            |
| `list-of-two`       | `[1, 5]` in a cell: two values, in other places the notation of an interval                |
| `redundant-test`    | a test of a cell that another one covers                                                   |
| `unreachable-rule`  | a rule of `FIRST` behind one that holds whenever it does                                   |
| `overlapping-rules` | two rows of `UNIQUE` that both hold for some facts, of `ANY` when they decide differently |

Only plain conditions are analysed, of one fact with constants, and pairs of table rows. Warnings are certain; their
absence proves nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from policy_service.analysis.regions import Domain, Region, difference, intersection, region, region_of_test, texts_of
from policy_service.language.ast import (
    TRUE,
    Comparison,
    Expr,
    In,
    IsMissing,
    Name,
    Not,
    Range,
    Test,
)
from policy_service.language.cross_tables import input_path, rule_path
from policy_service.language.definedness import children, operands_of_test
from policy_service.language.diagnostics import Diagnostic, SourceSpan, WarningCode
from policy_service.language.evaluate import constant_value
from policy_service.language.policy import AS_OF, SCORE, Hit, Policy, Rule
from policy_service.language.quantities import decimals
from policy_service.language.respelling import respell
from policy_service.language.source import Node, Path, Scalar, find_node, read_source
from policy_service.language.types import DateType, NumberType, Type, describe_type
from policy_service.language.unparse import unparse, unparse_test


@dataclass(frozen=True, slots=True)
class LintWarning:
    """A warning about part of the text at a path of the file."""

    code: WarningCode
    message: str
    path: Path
    span: tuple[int, int] | None = None
    hint: str | None = None


def lint(policy: Policy) -> tuple[Diagnostic, ...]:
    """Return the warnings about a policy, in source order."""
    root, _ = read_source(f"{policy.id}/{policy.version}.yaml", policy.text.encode())

    def span(warning: LintWarning) -> SourceSpan:
        node = find_node(root, warning.path)
        return node.span_of(*warning.span) if isinstance(node, Scalar) and warning.span else node.span

    warnings = dict.fromkeys(
        (*_warnings(policy), *_bracketed_pairs(policy, root))
    )  # a head of a cross table is a cell of many rules
    diagnostics = [Diagnostic(each.code, each.message, span(each), each.hint) for each in warnings]
    return tuple(sorted(diagnostics, key=lambda each: (each.span, each.code)))


def _warnings(policy: Policy) -> Iterator[LintWarning]:
    names: dict[str, Type] = {AS_OF: DateType(), **{name: fact.type for name, fact in policy.facts.items()}}
    if policy.scorecard is not None:
        names[SCORE] = policy.scorecard.type
    texts = tuple(dict.fromkeys(texts_of(condition for rule in policy.rules for condition in (rule.when, *rule.cells))))
    domains = {
        name: Domain(name, kind, name in policy.facts and policy.facts[name].optional, texts)
        for name, kind in names.items()
    }
    for index, rule in enumerate(policy.rules):
        if rule.otherwise:
            continue
        if policy.form == "table":
            for column, (name, cell) in enumerate(zip(policy.inputs, rule.cells, strict=True)):
                yield from _cell(cell, domains[name], input_path(policy, index, column))
        else:
            yield from _condition(rule.when, domains, (*rule_path(policy, index), "when"))
    yield from _rows(policy, domains)


# cells and conditions


def _cell(cell: Expr, domain: Domain, path: Path) -> Iterator[LintWarning]:
    """Yield warnings about a cell in the column of `domain`: about the whole, or else about its tests."""
    values = region(cell, domain)
    if cell == TRUE:
        return
    if values is not None and not intersection(values, domain.all):
        yield LintWarning(
            WarningCode.NEVER_TRUE,
            f"the cell holds for no value of `{domain.name}`, {describe_type(domain.kind)}",
            path,
        )
    elif values is not None and not difference(domain.values, values) and cell != _is_given(domain):
        message = f"the cell holds for every value of `{domain.name}`"
        yield LintWarning(WarningCode.ALWAYS_TRUE, message, path, None, _replacement_hint(cell, values, domain))
    else:
        yield from _condition(cell, {domain.name: domain}, path)


def _replacement_hint(cell: Expr, values: Region, domain: Domain) -> str:
    """Return a replacement for a cell that is true for every value."""
    match cell:
        case In(tests=[first, second]):
            combined = f"{unparse_test(first)} and {unparse_test(second)}"
            if (interval := respell(combined, domain.name)) != combined:
                return f'tests are alternatives; when both must hold, write "{interval}"'
        case _:
            pass
    return 'write "is not missing"' if domain.missing and values == domain.values else 'write "-"'


def _is_given(domain: Domain) -> Expr:
    return Not(operand=IsMissing(fact=Name(name=domain.name)))


def _condition(condition: Expr, domains: Mapping[str, Domain], path: Path) -> Iterator[LintWarning]:
    """Yield warnings about a condition's comparisons with constants."""
    match condition:
        case In(operand=Name(name=name), tests=tests) if name in domains:
            yield from _tests(tests, domains[name], path)
        case Comparison(left=Name(name=name), right=constant) | Comparison(left=constant, right=Name(name=name)) if (
            name in domains
        ):
            yield from _precision_warnings((constant,), domains[name], path)
            yield from _constant_warnings(condition, region(condition, domains[name]), domains[name], path)
        case _:
            for part in children(condition):
                yield from _condition(part, domains, path)


def _tests(tests: Sequence[Range | Test], domain: Domain, path: Path) -> Iterator[LintWarning]:
    regions = [region_of_test(test, domain) for test in tests]
    first: dict[Region, Range | Test] = {}
    for test, values in zip(tests, regions, strict=True):
        if values:
            first.setdefault(values, test)
    wide = {values: test for values, test in first.items() if len(values) > 1 or values[0][0] < values[0][1]}
    for test, values in zip(tests, regions, strict=True):
        yield from _precision_warnings(operands_of_test(test), domain, path)
        covering = _covering(test, values, first, wide) if values else None
        if covering is not None:
            message = f"`{unparse_test(test)}` is covered by `{unparse_test(covering)}`"
            yield LintWarning(WarningCode.REDUNDANT_TEST, message, path, test.span, "leave it out")
        else:
            yield from _constant_warnings(test, values, domain, path)


def _covering(
    test: Range | Test, values: Region, first: Mapping[Region, Range | Test], wide: Mapping[Region, Range | Test]
) -> Range | Test | None:
    """Return an earlier test that passes the same values, or another that passes more."""
    if (same := first[values]) is not test:
        return same
    return next((other for reach, other in wide.items() if reach != values and not difference(values, reach)), None)


def _constant_warnings(
    node: Expr | Range | Test, values: Region | None, domain: Domain, path: Path
) -> Iterator[LintWarning]:
    """Yield a warning about a comparison that is never or always true."""
    if values is None:
        return
    text = unparse_test(node) if isinstance(node, Range | Test) else unparse(node)
    if not values:
        message = f"`{text}` holds for no value of `{domain.name}`, {describe_type(domain.kind)}"
        yield LintWarning(WarningCode.NEVER_TRUE, message, path, node.span)
    elif not difference(domain.values, values):
        yield LintWarning(
            WarningCode.ALWAYS_TRUE, f"`{text}` holds for every value of `{domain.name}`", path, node.span
        )
    elif isinstance(node, Range):
        [(least, greatest)] = domain.values
        for end in (node.low, node.high):
            if (number := domain.number_of(end)) is not None and not least <= number <= greatest:
                message = f"`{unparse(end)}` is no value of `{domain.name}`, {describe_type(domain.kind)}"
                yield LintWarning(WarningCode.OUT_OF_BOUNDS, message, path, end.span)


def _precision_warnings(constants: Sequence[Expr], domain: Domain, path: Path) -> Iterator[LintWarning]:
    """Yield warnings about constants with more decimals than the fact can have."""
    if not isinstance(domain.kind, NumberType):
        return
    for constant in constants:
        value = constant_value(constant)
        if isinstance(value, Fraction) and ((scale := decimals(value)) is None or scale > domain.kind.scale):
            message = f"`{unparse(constant)}` is finer than `{domain.name}`, {describe_type(domain.kind)}"
            yield LintWarning(WarningCode.TOO_FINE, message, path, constant.span)


def _bracketed_pairs(policy: Policy, root: Node) -> Iterator[LintWarning]:
    """Yield warnings about cells like `[1, 5]`, an interval in mathematics but two values in FEEL."""
    for index, rule in enumerate(policy.rules if policy.form == "table" else ()):
        for column, cell in enumerate(rule.cells):
            path = input_path(policy, index, column)
            match cell:
                case In(tests=[Test(comparator="=", value=first), Test(comparator="=", value=last)]) if (
                    not isinstance(constant_value(first), str | None)
                    and (node := find_node(root, path))
                    and isinstance(node, Scalar)
                    and (node.text or "").strip().startswith("[")
                ):
                    low, high = unparse(first), unparse(last)
                    message = f"`[{low}, {high}]` is the two values, not what lies between them"
                    hint = f"write `[{low}..{high}]`, or the values without brackets: `{low}, {high}`"
                    yield LintWarning(WarningCode.LIST_OF_TWO, message, path, None, hint)
                case _:
                    pass


# rows


def _rows(policy: Policy, domains: Mapping[str, Domain]) -> Iterator[LintWarning]:
    """Yield warnings about unreachable rules, and about overlapping rules where they must not overlap."""
    if policy.hit not in (Hit.FIRST, Hit.UNIQUE, Hit.ANY):
        return
    rules = [rule for rule in policy.rules if not rule.otherwise]
    columns = [
        _Column([rule.cells[index] for rule in rules], domains[name]) for index, name in enumerate(policy.inputs)
    ]
    for later, rule in enumerate(rules):
        path: Path = (*rule_path(policy, later), "id")
        for earlier, other in enumerate(rules[:later]):
            if policy.hit is Hit.FIRST and _covers(columns, earlier, later, rules):
                message = f"`{rule.id}` is never reached: `{other.id}` stands first and holds whenever it does"
                yield LintWarning(WarningCode.UNREACHABLE_RULE, message, path)
                break
            if _may_not_meet(policy.hit, other, rule) and (facts := _shared_facts(columns, earlier, later)):
                message = f"`{other.id}` and `{rule.id}` both hold for {facts}, a conflict under {policy.hit}"
                yield LintWarning(WarningCode.OVERLAPPING_RULES, message, path)
                break


class _Column:
    """A column of a table: for each row a mask with a bit for each set of values that the rows distinguish.

    A cell that is not plain has its own bit, shared only with equal cells and the empty cell.
    """

    def __init__(self, cells: Sequence[Expr], domain: Domain) -> None:
        self.domain = domain
        regions = {cell: domain.all if cell == TRUE else region(cell, domain) for cell in dict.fromkeys(cells)}
        plain = [values for values in regions.values() if values is not None]
        self.cuts = sorted({cut for values in plain for low, high in values for cut in (low, high + 1)})
        obscure = [cell for cell, values in regions.items() if values is None]
        self.plain = (1 << len(self.cuts)) - 1
        bits = {cell: 1 << (len(self.cuts) + index) for index, cell in enumerate(obscure)}
        masks = {cell: self._mask(values) if values is not None else bits[cell] for cell, values in regions.items()}
        if TRUE in masks:
            masks[TRUE] |= sum(bits.values())
        self.masks = [masks[cell] for cell in cells]

    def _mask(self, values: Region) -> int:
        """Return a bit mask with a bit for each range between two cuts."""
        spans = ((bisect_left(self.cuts, low), bisect_left(self.cuts, high + 1)) for low, high in values)
        return sum((1 << last) - (1 << first) for first, last in spans)

    def describe(self, mask: int) -> str:
        """Return the least value in the set of a mask's lowest bit."""
        return self.domain.describe(self.cuts[(mask & -mask).bit_length() - 1])


def _covers(columns: Sequence[_Column], earlier: int, later: int, rules: Sequence[Rule]) -> bool:
    """Return True if the earlier rule matches whenever the later one does."""
    if not columns:
        return rules[earlier].when in (TRUE, rules[later].when)
    return not any(column.masks[later] & ~column.masks[earlier] for column in columns)


def _shared_facts(columns: Sequence[_Column], one: int, other: int) -> str | None:
    """Return facts that match both rows; None if there are none, or it is unknown."""
    common = [column.masks[one] & column.masks[other] & column.plain for column in columns]
    if not common or not all(common):
        return None
    return ", ".join(column.describe(mask) for column, mask in zip(columns, common, strict=True))


def _may_not_meet(hit: Hit, rule: Rule, other: Rule) -> bool:
    """Return True if two rules must not both match: under UNIQUE, and under ANY if they are known to differ."""
    if hit is not Hit.ANY:
        return hit is Hit.UNIQUE
    pairs = zip(rule.then, other.then, strict=True)
    return any(isinstance(a, bool | int | str | frozenset) and isinstance(b, type(a)) and a != b for a, b in pairs)
