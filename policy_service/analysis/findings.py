"""What is found about the candidates of a change: errors, which block it, and warnings, which a person must judge.

| code                    | severity | what                                                                      |
|-------------------------|----------|---------------------------------------------------------------------------|
| `policy-twice`          | error    | the change holds two versions of one policy                               |
| `engine-refused`        | error    | the rules engine cannot be trusted with the policy                        |
| `example-failed`        | error    | an example does not come out as the policy says                           |
| `invariant-broken`      | error    | an example's facts break a law of the policy                              |
| `requirement-unfit`     | error    | the policy needs what is not in force, or what does not fit               |
| `dependant-unfit`       | error    | a policy in force would no longer fit                                     |
| `dependant-bereft`      | error    | a policy cannot do without an outcome of one that is ended                |
| `older-version`         | warning  | a lower number than the version in force                                  |
| `nothing-changed`       | warning  | the very version that is in force                                         |
| `facts-demanded`        | warning  | a fact must be given that need not have been                              |
| `other-answers`         | warning  | examples of the version in force get other answers                        |
| `invariants-dropped`    | warning  | a law of the version in force is no longer there                          |
| `rules-untried`         | warning  | no example is decided by the rule                                         |
| `reading-warnings`      | warning  | the file holds what may not say what was meant: `analysis/lint.py`        |
| `dependants-affected`   | warning  | policies in force take an outcome of a policy whose answers may change    |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from policy_service.analysis.examination import Examined
from policy_service.analysis.trial import EVALUATORS, Tried
from policy_service.language.load import PolicyFolderError, version_key
from policy_service.language.policy import Bilingual, Policy
from policy_service.language.requirements import in_stages, needed
from policy_service.sentences import Sentence, plain

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found: its code, the policy it is about, a sentence (in English a `Sentence`), and the cases."""

    severity: Severity
    code: str
    policy: str
    says: Bilingual
    cases: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON."""
        return {
            "severity": self.severity,
            "code": self.code,
            "policy": self.policy,
            "says": {"zh": self.says.zh, "en": plain(self.says.en)},
            "cases": list(self.cases),
        }


def twice(candidates: Sequence[Policy]) -> Iterator[Finding]:
    """Policies of which there are several candidates."""
    versions: dict[str, list[str]] = {}
    for policy in candidates:
        versions.setdefault(policy.id, []).append(policy.version)
    for name, found in versions.items():
        if len(found) > 1:
            says = Bilingual(
                "同一变更中有该政策的多个版本", Sentence("the change holds several versions of this policy")
            )
            yield Finding("error", "policy-twice", name, says, tuple(found))


def faults(one: Examined) -> Iterator[Finding]:
    """What is wrong with one candidate by itself."""
    name, tried = one.policy.id, one.tried
    if tried.fault is not None:
        says = Bilingual(
            "规则引擎不能可靠地执行该政策", Sentence("the rules engine cannot be trusted with this policy")
        )
        yield Finding("error", "engine-refused", name, says, (tried.fault,))
    for kind, code, says in (
        (
            "example",
            "example-failed",
            Bilingual("有示例未得到应得结果", Sentence("examples do not come out as written")),
        ),
        (
            "invariant",
            "invariant-broken",
            Bilingual("有示例违反恒定性质", Sentence("examples break laws of the policy")),
        ),
    ):
        cases = tuple(_failed(tried, kind))
        if cases:
            yield Finding("error", code, name, says, cases)


def _failed(tried: Tried, kind: str) -> Iterator[str]:
    """Each failure once, with the evaluators when not all of them fail so."""
    by: dict[str, list[str]] = {}
    for evaluator, found, failure in tried.failures:
        if found == kind:
            told = f"{failure.name}: expected {failure.expected}, found {failure.found}"
            by.setdefault(told, []).append(evaluator)
    for told, names in by.items():
        yield told if len(names) == len(EVALUATORS) else f"{told} (by {', '.join(names)})"


def unfit(
    candidates: Sequence[Policy],
    in_force: Mapping[str, Policy],
    ends: Collection[str] = (),
    absent: Collection[str] = (),
) -> Iterator[Finding]:
    """What would not fit together, as far as it is not so already, without the policies that are or were ended."""
    proposed = {policy.id: policy for policy in candidates}
    before = set(_misfits(in_force.values(), absent))
    left = {name: policy for name, policy in in_force.items() if name not in ends}
    for name, version, message in _misfits({**left, **proposed}.values(), {*ends, *absent}):
        if name in proposed:
            says = Bilingual("与生效中的政策不相容", Sentence("it does not fit the policies in force"))
            yield Finding("error", "requirement-unfit", name, says, (message,))
        elif (name, version, message) not in before:
            says = Bilingual(
                f"生效中的 {name} {version} 将不再相容",
                Sentence("{policy} {version}, which is in force, would no longer fit", policy=name, version=version),
            )
            yield Finding("error", "dependant-unfit", name, says, (message,))


def _misfits(policies: Iterable[Policy], absent: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Policy, version and sentence of everything that does not fit."""
    try:
        in_stages(policies, absent)
    except PolicyFolderError as error:
        for each in error.errors:
            name, _, file = each.path.rpartition("/")
            for fault in each.diagnostics:
                yield name, file.removesuffix(".yaml"), f"{fault.code}: {fault.message}"


def affected(examined: Sequence[Examined], around: Sequence[Policy]) -> Iterator[Finding]:
    """Policies in force whose answers may change because a candidate's may."""
    for one in examined:
        cases = tuple(f"{each.id} {each.version}" for each in around if one.policy.id in needed(each))
        if cases and one.difference.alters:
            says = Bilingual("生效中的政策取用其结果，也会受影响", Sentence("policies in force take its outcome"))
            yield Finding("warning", "dependants-affected", one.policy.id, says, cases)


def remarks(one: Examined) -> Iterator[Finding]:
    """What those who sign should know about one candidate."""
    for code, (says, ask) in _REMARKS.items():
        if cases := tuple(ask(one)):
            yield Finding("warning", code, one.policy.id, says, cases)


def _older(one: Examined) -> Iterable[str]:
    base = one.base
    return (base.version,) if base and version_key(one.policy.version) < version_key(base.version) else ()


def _same(one: Examined) -> Iterable[str]:
    return (one.policy.version,) if one.base and one.base.digest == one.policy.digest else ()


def _demanded(one: Examined) -> Iterable[str]:
    if one.base is None:
        return ()
    before = {name for name, fact in one.base.facts.items() if not fact.optional}
    return (name for name, fact in one.policy.facts.items() if not fact.optional and name not in before)


def _others(one: Examined) -> Iterable[str]:
    return (f"{each.example}: was {each.before}, is now {each.after}" for each in one.other_answers)


def _dropped(one: Examined) -> Iterable[str]:
    kept = {law.id for law in one.policy.invariants}
    return (law.id for law in (one.base.invariants if one.base else ()) if law.id not in kept)


def _untried(one: Examined) -> Iterable[str]:
    tried = {rule for example in one.policy.examples for rule in example.rules or ()}
    bands = one.policy.scorecard.bands if one.policy.scorecard else ()
    return (rule.id for rule in (*one.policy.rules, *bands) if rule.id not in tried)


def _questionable(one: Examined) -> Iterable[str]:
    return (f"line {each.place.line}: {each.message}" for each in one.warnings)


_REMARKS: Mapping[str, tuple[Bilingual, Callable[[Examined], Iterable[str]]]] = {
    "older-version": (
        Bilingual("版本号低于生效中的版本", Sentence("a lower number than the version in force")),
        _older,
    ),
    "nothing-changed": (Bilingual("即为生效中的版本", Sentence("this very version is in force")), _same),
    "facts-demanded": (Bilingual("新增必填事实", Sentence("these facts must now be given")), _demanded),
    "other-answers": (
        Bilingual("原有示例的结果有变化", Sentence("examples of the version in force get other answers")),
        _others,
    ),
    "invariants-dropped": (Bilingual("删去了恒定性质", Sentence("these laws are no longer there")), _dropped),
    "reading-warnings": (
        Bilingual("文件中有可能并非本意的写法", Sentence("the file holds what may not say what was meant")),
        _questionable,
    ),
    "rules-untried": (Bilingual("没有示例用到以下规则", Sentence("no example is decided by these rules")), _untried),
}
