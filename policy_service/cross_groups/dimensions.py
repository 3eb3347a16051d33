"""Finds the dimensions of a statement among policies, and the values of each class.

A dimension is a choice or a boolean: an outcome of one policy, or a fact that policies declare alike. Its classes
partition its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from policy_service.cross_groups.statement import NamedClass, NamedDimension
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.policy import Bilingual, Fact, Policy, Requirement
from policy_service.language.types import BooleanType, ChoiceType, TagsType, describe_type
from policy_service.language.unparse import quote

_BOOLEAN = {"true": Bilingual("是", "yes"), "false": Bilingual("否", "no")}


@dataclass(frozen=True, slots=True)
class GroupClass:
    """A class of a dimension: its name in the names of groups, its title, its values, and its test.

    The class of the rest tests for none of the others' values, so it also takes values added to the dimension later.
    """

    name: str
    title: Bilingual
    values: tuple[str, ...]
    cell: str


@dataclass(frozen=True, slots=True)
class Dimension:
    """The fact used by the policy of a group, the kind of its subjects, and its classes."""

    fact: Fact
    subject: str
    classes: tuple[GroupClass, ...]


def find_dimension(spec: NamedDimension, policies: Sequence[Policy], errors: list[str]) -> Dimension | None:
    """Return the dimension; None after adding errors to `errors`."""
    fact_and_subject = find_fact(spec.name, policies, errors)
    if fact_and_subject is None:
        return None
    fact, subject = fact_and_subject
    match fact.type:
        case ChoiceType(of=of):
            values, titles = of, {value: fact.words.get(value, Bilingual(value, value)) for value in of}
        case BooleanType():
            values = tuple(_BOOLEAN)
            titles = {value: _answer(fact.title, answer) for value, answer in _BOOLEAN.items()}
        case _:
            errors.append(
                f"`{spec.name}` is {describe_type(fact.type)}, and has no classes: a dimension is a choice or a "
                "boolean; make classes of it by a policy of its own"
            )
            return None
    class_names = (fact.name, f"not_{fact.name}") if isinstance(fact.type, BooleanType) else values
    classes = spec.classes or tuple(NamedClass(name, (value,)) for name, value in zip(class_names, values, strict=True))
    if not _is_partition(spec.name, classes, values, errors):
        return None
    listed_values = [value for each in classes for value in each.values or ()]
    rest = tuple(value for value in values if value not in listed_values)
    write = quote if isinstance(fact.type, ChoiceType) else str
    return Dimension(fact, subject, tuple(_class(each, rest, listed_values, titles, write) for each in classes))


def find_fact(
    name: str, policies: Sequence[Policy], errors: list[str], *, as_tags: bool = False
) -> tuple[Fact, str] | None:
    """Return the fact for an outcome of one of the policies, or a fact that they declare, and the kind of its subjects.

    None after adding errors to `errors`. With `as_tags` a list of choices is taken as tags.
    """
    policy_name, dot, last = name.rpartition(".")
    candidates = [policy for policy in policies if policy.id == policy_name] if dot else list(policies)
    if dot and not candidates:
        hint = did_you_mean(policy_name, (policy.id for policy in policies))
        errors.append(f"unknown policy `{shorten(policy_name)}`" + (f": {hint}" if hint else ""))
        return None
    deciding = [policy for policy in candidates if last in policy.outcomes]
    asking = [policy for policy in candidates if last in _facts(policy)]
    declared = {(policy.facts[last].type, policy.facts[last].requirement, policy.subject) for policy in asking}
    if len(deciding) > 1 or (not deciding and len(declared) > 1):
        choices = ", ".join(f"`{policy.id}.{last}`" for policy in deciding or asking)
        errors.append(f"`{name}` may be any of {choices}: name one of them")
        return None
    if deciding:
        [policy] = deciding
        outcome = policy.outcomes[last]
        kind = outcome.type
        if policy.returns_list and as_tags and isinstance(kind, ChoiceType):
            kind = TagsType(kind.of)
        elif policy.returns_list:
            errors.append(f"`{policy.id}.{last}` is a list, and a subject has one value in each dimension")
            return None
        source = Requirement(policy.id, last)
        return Fact(last, kind, outcome.title, requirement=source, words=outcome.words), policy.subject
    if asking:
        return replace(asking[0].facts[last], optional=False), asking[0].subject
    known = {known for policy in candidates for known in (*policy.outcomes, *_facts(policy))}
    hint = did_you_mean(last, sorted(known))
    errors.append(f"no policy has a fact or an outcome `{shorten(name)}`" + (f": {hint}" if hint else ""))
    return None


def _facts(policy: Policy) -> Sequence[str]:
    """Return a policy's facts that other policies can use: not its own previous outcomes."""
    return [name for name, fact in policy.facts.items() if fact.previous is None]


def _is_partition(name: str, classes: Iterable[NamedClass], values: Sequence[str], errors: list[str]) -> bool:
    """Return True if every value is in exactly one class; otherwise add errors to `errors`."""
    before = len(errors)
    classes = tuple(classes)
    listed_values = [value for each in classes for value in each.values or ()]
    for value in dict.fromkeys(listed_values):
        if value not in values:
            hint = did_you_mean(value, values) or f"the values are {', '.join(values)}"
            errors.append(f"`{name}` has no value `{shorten(value)}`: {shorten(hint, 300)}")
        elif listed_values.count(value) > 1:
            errors.append(f"`{value}` of `{name}` is in two classes")
    names = [each.name for each in classes]
    errors.extend(
        f"two classes of `{name}` are called `{each}`" for each in dict.fromkeys(names) if names.count(each) > 1
    )
    unassigned = [value for value in values if value not in listed_values]
    rests = sum(each.values is None for each in classes)
    if rests > 1:
        errors.append(f"`{name}` has two classes for the rest")
    elif rests and not unassigned:
        errors.append(f"`{name}` has no values left for the rest")
    elif unassigned and not rests:
        missing = shorten(", ".join(unassigned), 300)
        errors.append(f"no class of `{name}` has {missing}: name them, or add a class `others=rest`")
    return len(errors) == before


def _class(
    spec: NamedClass,
    rest: tuple[str, ...],
    listed_values: Sequence[str],
    titles: Mapping[str, Bilingual],
    write: Callable[[str], str],
) -> GroupClass:
    values = rest if spec.values is None else spec.values
    value_titles = [titles[value] for value in values]
    title = spec.title or Bilingual(
        "或".join(each.zh for each in value_titles), " or ".join(each.en for each in value_titles)
    )
    tests = ", ".join(map(write, listed_values if spec.values is None and listed_values else values))
    return GroupClass(spec.name, title, values, f"not({tests})" if spec.values is None and listed_values else tests)


def _answer(title: Bilingual, answer: Bilingual) -> Bilingual:
    return Bilingual(f"{title.zh}：{answer.zh}", f"{title.en}: {answer.en}")
