"""Writes the policy file of cross groups.

A group is named after its classes, in the alphabetical order of the dimensions: `high_manufacturing_large`. So its name
does not depend on the order of dimensions in the statement, nor on further classes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from policy_service.cross_groups.dimensions import Dimension, GroupClass, find_dimension
from policy_service.cross_groups.statement import parse_statement, without_titles, write_statement
from policy_service.errors import CrossGroupsRejected
from policy_service.language.declare import BENCHMARK
from policy_service.language.diagnostics import shorten
from policy_service.language.document import MAX_CHOICES
from policy_service.language.findings import RULE_ID
from policy_service.language.load import CITATION, POLICY_ID, VERSION, load_bytes
from policy_service.language.policy import Bilingual, Fact, Policy
from policy_service.language.source import NULLS
from policy_service.language.types import ChoiceType, TagsType, type_name

LONGEST = 64
"""Maximum length of a rule's name, characters."""
PAIR = 2
"""The number of dimensions of a grid."""
_NOTES = Bilingual(
    "本文件由交叉分组语句生成：{}。组名由各维度的类别名连成，各维度按名称的字母顺序排列。这样分组是本公司的解释。",
    "Made from the statement of cross groups {}. A group is named by its classes, in the alphabetical order of the "
    "dimensions. That these are the groups is our interpretation.",
)
_TOTAL = Bilingual("每个对象都有且只有一个交叉分组", "every subject has exactly one cross group")
_NOTHING = Bilingual("各维度均未知", "Nothing is known")
_PLAIN = re.compile(r"[^\W_](?:[\w .()·×，。、；（）/-]*[\w.()·，。、；（）/-])?")
"""Text that needs no quotation marks in YAML anywhere."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of the file: policy, version, and the rows of the regulation it implements."""

    policy: str
    version: str = "1.0.0"
    source: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """The name of the outcome: the last part of the policy's name."""
        return self.policy.rpartition("/")[2]

    def errors(self) -> Iterator[str]:
        """Yield the errors for which a policy file would be rejected."""
        if not POLICY_ID.fullmatch(self.policy):
            yield f"`{shorten(self.policy)}` names no policy: write `<domain>/<policy>`, e.g. `tiering/my_groups`"
        if not VERSION.fullmatch(self.version):
            yield f"`{shorten(self.version)}` is no version: write `1.0.0`"
        for row in self.source:
            if not CITATION.fullmatch(row):
                yield f"`{shorten(row)}` is no citation: write `R-CROSS-1`"


@dataclass(frozen=True, slots=True)
class Group:
    """One class of each dimension, in the alphabetical order of the dimensions."""

    classes: Mapping[str, GroupClass]

    @property
    def name(self) -> str:
        """The group's name as a word of the outcome."""
        return "_".join(each.name for each in self.classes.values())

    @property
    def rule(self) -> str:
        """The name of the group's rule."""
        return "-".join(each.name for each in self.classes.values())


def write_cross_groups(statement: str, heading: Heading, policies: Sequence[Policy]) -> str:
    """The policy file of the groups that a statement names; `policies` are those that decide or declare its dimensions.

    Raises:
        CrossGroupsRejected: the statement cannot be read, names what is not there, or makes too many groups; or the
            heading is none.
        PolicyError: the file would be refused for another reason, e.g. for titles that are too long.
    """
    parsed = parse_statement(statement)
    errors = list(heading.errors())
    others = [policy for policy in policies if policy.id != heading.policy]
    dimensions = [dimension for each in parsed if (dimension := find_dimension(each, others, errors)) is not None]
    names = [each.fact.name for each in dimensions]
    errors += [f"two dimensions are called `{name}`" for name in dict.fromkeys(names) if names.count(name) > 1]
    subjects = dict.fromkeys(each.subject for each in dimensions)
    if len(subjects) > 1:
        errors.append(f"the dimensions are about different subjects: {', '.join(subjects)}")
    if not errors:
        errors += _size(dimensions)
    if errors:
        raise CrossGroupsRejected(errors)
    file = _File(Bilingual(write_statement(parsed), write_statement(without_titles(parsed))), heading, dimensions)
    if errors := list(file.errors()):
        raise CrossGroupsRejected(errors)
    text = "\n".join(file.lines()) + "\n"
    load_bytes(text.encode(), f"{heading.policy}/{heading.version}.yaml")
    return text


def _size(dimensions: Sequence[Dimension]) -> Iterator[str]:
    size = prod(len(each.classes) for each in dimensions)
    if size > MAX_CHOICES:
        counts = " × ".join(f"{each.fact.name} ({len(each.classes)})" for each in dimensions)
        yield f"{counts} come to {size:,} groups, at most {MAX_CHOICES:,} are allowed: merge classes, `others=rest`"


class _File:
    """The lines of one policy file."""

    def __init__(self, statement: Bilingual, heading: Heading, dimensions: Sequence[Dimension]) -> None:
        self.statement = statement
        self.heading = heading
        self.dimensions = {each.fact.name: each for each in dimensions}
        self.order = list(self.dimensions)
        crossed = product(*(each.classes for each in dimensions))
        self.groups = [Group(dict(sorted(zip(self.order, classes, strict=True)))) for classes in crossed]

    def errors(self) -> Iterator[str]:
        """Yield the errors in names of classes and groups, each once."""
        for name, dimension in self.dimensions.items():
            for each in dimension.classes:
                if not RULE_ID.fullmatch(each.name):
                    yield (
                        f"`{shorten(each.name)}` of `{name}` cannot stand in the name of a group: "
                        f"write `name={shorten(each.name)}`, the name in letters, digits and . _ + -"
                    )
        names = Counter(group.name for group in self.groups)
        for name, count in names.items():
            if count > 1:
                yield f"{count} groups are called `{shorten(name)}`: give their classes other names"
            elif len(name) > LONGEST:
                yield f"`{shorten(name)}` has more than {LONGEST} characters: give classes shorter names"

    def lines(self) -> Iterator[str]:
        """Yield the whole file."""
        heading, titles = self.heading, [each.fact.title for each in self.dimensions.values()]
        title = capitalized_title(
            Bilingual(" × ".join(each.zh for each in titles), " × ".join(each.en for each in titles))
        )
        yield f"policy: {heading.policy}"
        yield f"version: {heading.version}"
        yield f"title: {bilingual_yaml(title)}"
        if heading.source:
            yield f"source: [{', '.join(map(scalar, heading.source))}]"
        yield "notes:"
        yield f"  zh: {scalar(_NOTES.zh.format(self.statement.zh))}"
        yield f"  en: {scalar(_NOTES.en.format(self.statement.en))}"
        yield f"subject: {next(iter(self.dimensions.values())).subject}"
        yield ""
        yield "facts:"
        for dimension in self.dimensions.values():
            yield from fact_lines(dimension.fact)
        yield ""
        yield from self._outcome()
        yield ""
        yield from self._cross_table() if len(self.order) == PAIR else self._table()
        yield ""
        yield from self._examples()
        yield ""
        yield "invariants:"
        yield "  - id: total"
        yield f"    says: {bilingual_yaml(_TOTAL)}"

    def _outcome(self) -> Iterator[str]:
        yield "outcome:"
        yield f"  {self.heading.outcome}:"
        yield "    type: choice"
        yield f"    of: [{', '.join(group.name for group in self.groups)}]"
        yield f"    title: {bilingual_yaml(Bilingual('交叉分组', 'cross group'))}"
        yield "    words:"
        yield from (f"      {group.name}: {bilingual_yaml(self._title(group))}" for group in self.groups)

    def _title(self, group: Group) -> Bilingual:
        titles = [group.classes[name].title for name in self.order]
        return Bilingual("·".join(each.zh for each in titles), ", ".join(each.en for each in titles))

    def _table(self) -> Iterator[str]:
        yield "table:"
        yield "  hit: UNIQUE"
        yield f"  inputs: [{', '.join(self.order)}]"
        yield "  rows:"
        for group in self.groups:
            parts = [self._part(name, group.classes[name]) for name in self.order]
            zh = "；".join(part.zh for part in parts)
            en = "; ".join(part.en for part in parts)
            yield f"    - id: {group.rule}"
            yield f"      title: {bilingual_yaml(capitalized_title(self._title(group)))}"
            yield f"      when: [{', '.join(quote_cell(group.classes[name].cell) for name in self.order)}]"
            yield f"      then: [{group.name}]"
            yield f"      because: {bilingual_yaml(self._reason(zh, _capital(en)))}"

    def _cross_table(self) -> Iterator[str]:
        """Yield two dimensions as a grid; the alphabetically first is down, so that rules keep their names."""
        down, across = sorted(self.order)
        names = {(group.classes[down].name, group.classes[across].name): group.name for group in self.groups}
        columns = self.dimensions[across].classes
        yield "cross_table:"
        yield f"  down: {down}"
        yield f"  across: {across}"
        yield "  columns:"
        for each in columns:
            part = self._part(across, each)
            yield f"    - id: {each.name}"
            yield f"      title: {bilingual_yaml(each.title)}"
            yield f"      when: {quote_cell(each.cell)}"
            yield f"      because: {bilingual_yaml(self._reason(part.zh, part.en))}"
        yield "  rows:"
        for row in self.dimensions[down].classes:
            part = self._part(down, row)
            yield f"    - id: {row.name}"
            yield f"      title: {bilingual_yaml(capitalized_title(row.title))}"
            yield f"      when: {quote_cell(row.cell)}"
            yield f"      cells: [{', '.join(names[row.name, each.name] for each in columns)}]"
            yield f"      because: {bilingual_yaml(Bilingual(f'{part.zh}；', f'{_capital(part.en)};'))}"

    def _part(self, name: str, each: GroupClass) -> Bilingual:
        """Return a class's part of the name for its dimension."""
        title = self.dimensions[name].fact.title
        return Bilingual(f"{title.zh}为{each.title.zh}", f"{title.en}: {each.title.en}")

    def _reason(self, zh: str, en: str) -> Bilingual:
        source = ", ".join(self.heading.source)
        return Bilingual(
            f"{zh}{f'（{source}）' if source else ''}。这样分组是本公司的解释。",
            f"{en}{f' ({source})' if source else ''}. That this is a group is our interpretation.",
        )

    def _examples(self) -> Iterator[str]:
        outcome = self.heading.outcome
        yield "examples:"
        for number, group in enumerate(self.groups):
            values = {name: group.classes[name].values for name in self.order}
            facts = ", ".join(f"{name}: {scalar(each[number % len(each)])}" for name, each in values.items())
            title = self._title(group)
            yield f"  - name: {scalar(title.en)}"
            yield f"    title: {bilingual_yaml(capitalized_title(title))}"
            if self.heading.source:
                yield f"    source: [{', '.join(self.heading.source)}]"
            yield f"    facts: {{{facts}}}"
            yield f"    outcome: {{{outcome}: {group.name}}}"
            yield f"    rule: {group.rule}"
        yield "  - name: nothing is known"
        yield f"    title: {bilingual_yaml(_NOTHING)}"
        yield "    facts: {}"
        yield f"    missing: [{', '.join(self.order)}]"


def fact_lines(fact: Fact) -> Iterator[str]:
    """Yield the declaration of a fact, as in its own policy."""
    yield f"  {fact.name}:"
    yield f"    type: {type_name(fact.type)}"
    if isinstance(fact.type, ChoiceType | TagsType):
        yield f"    of: [{', '.join(map(scalar, fact.type.of))}]"
    if isinstance(fact.type, ChoiceType) and fact.type.ordered:
        yield f"    ordered: {fact.type.ordered}"
    if fact.optional:
        yield "    optional: true"
    if fact.sensitive:
        yield "    sensitive: true"
    if fact.requirement:
        yield f"    from: {fact.requirement}"
    if fact.measure:
        yield f"    from: {BENCHMARK}"
        yield f"    measure: {scalar(fact.measure)}"
        if fact.replaceable:
            yield "    replaceable: true"
    yield f"    title: {bilingual_yaml(fact.title)}"
    if fact.words:
        yield "    words:"
        yield from (f"      {scalar(word)}: {bilingual_yaml(title)}" for word, title in fact.words.items())


def quote_cell(cell: str) -> str:
    """Return a cell as YAML, in the quotation marks that policy files put around words."""
    return "'" + cell.replace("'", "''") + "'"


def capitalized_title(title: Bilingual) -> Bilingual:
    """Return a title that stands alone."""
    return Bilingual(title.zh, _capital(title.en))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def bilingual_yaml(words: Bilingual) -> str:
    """Return texts in both languages as YAML."""
    return f"{{zh: {scalar(words.zh)}, en: {scalar(words.en)}}}"


def scalar(text: str) -> str:
    """Return the text as YAML, quoted if needed."""
    return text if _PLAIN.fullmatch(text) and text not in NULLS else json.dumps(text, ensure_ascii=False)
