"""Loads policy files: checks the shape, then the meaning. A loaded policy is valid and never checked again.

bytes ── source.py ──► text with places ── document.py ──► shape ── declare, logic, expectations ──► Policy
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from policy_service.language.cross_tables import rule_path
from policy_service.language.declare import bilingual, declare_facts, declare_outcomes
from policy_service.language.diagnostics import START, Code, Diagnostic, PolicyError, shorten
from policy_service.language.document import PolicyDoc, validate_document
from policy_service.language.expectations import ExpectationReader
from policy_service.language.findings import Findings, TooManyErrors
from policy_service.language.limits import excesses
from policy_service.language.logic import LogicReader
from policy_service.language.meaning import meaning_of
from policy_service.language.policy import BENCHMARKS, Bilingual, Policy
from policy_service.language.previous import check_previous
from policy_service.language.source import MAX_BYTES, Mapping, read_source, to_plain
from policy_service.subject import KIND

POLICY_ID = re.compile(r"(?:[a-z][a-z0-9_]{0,63})/(?:[a-z][a-z0-9_]{0,63})")
VERSION = re.compile(r"(?:0|[1-9][0-9]{0,8})\.(?:0|[1-9][0-9]{0,8})\.(?:0|[1-9][0-9]{0,8})")
CITATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._§:/-]{0,99}")


def load(path: str | Path) -> Policy:
    """Load the policy in the file at `path`, `…/<domain>/<policy>/<version>.yaml`.

    Raises:
        PolicyError: the file has errors, or its path does not match its policy and version; it carries every error
            with its line and column.
        OSError: the file cannot be read.
    """
    policy = load_anywhere(path)
    if (error := misplaced_policy(policy, Path(path))) is not None:
        raise error
    return policy


def load_anywhere(path: str | Path) -> Policy:
    """Load the policy in the file at `path`, whatever the path is. Raises PolicyError, OSError."""
    with Path(path).open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    return load_bytes(content, str(path))


def misplaced_policy(policy: Policy, path: Path) -> PolicyError | None:
    """Return the error of a policy whose file is not at the path that its name and version require."""
    expected = f"{policy.id}/{policy.version}.yaml"
    if path.resolve().as_posix().endswith(f"/{expected}"):
        return None
    message = f"this is `{expected}`, by its `policy` and `version`"
    diagnostic = Diagnostic(Code.MISPLACED_FILE, message, START, "rename the file")
    return PolicyError(str(path), [diagnostic], policy.text)


def load_bytes(content: bytes, path: str = "policy.yaml") -> Policy:
    """Load a policy from the bytes of its file.

    Args:
        content: YAML in UTF-8, at most 2 MiB.
        path: the name of the file in diagnostics.

    Raises:
        PolicyError: the file has errors; it carries every one.

    >>> try:
    ...     load_bytes(b"policy: tiering", "tiering.yaml")
    ... except PolicyError as error:
    ...     print(error.diagnostics[0].code)
    missing-key
    """
    root, text = read_source(path, content)
    findings = Findings(root)
    policy = None
    with suppress(TooManyErrors):
        policy = _read(root, findings, f"sha256:{hashlib.sha256(content).hexdigest()}", text)
    if policy is None or findings.diagnostics:
        raise PolicyError(path, findings.diagnostics, text)
    return policy


def load_folder(folder: str | Path) -> tuple[Policy, ...]:
    """Load every version of every policy below `folder`, laid out `<domain>/<policy>/<version>.yaml`.

    Returns:
        The policies, by name and version number.

    Raises:
        PolicyFolderError: files have errors; it carries a PolicyError for each of them.
        OSError: a file cannot be read.
    """
    policies: list[Policy] = []
    errors: list[PolicyError] = []
    for path in sorted(Path(folder).glob("*/*/*.yaml")):
        try:
            policies.append(load(path))
        except PolicyError as error:
            errors.append(error)
    if errors:
        raise PolicyFolderError(errors)
    return tuple(sorted(policies, key=lambda policy: (policy.id, version_key(policy.version))))


class PolicyFolderError(PolicyError):
    """Several policy files are invalid; `errors` has one per file."""

    def __init__(self, errors: list[PolicyError]) -> None:
        self.errors = tuple(errors)
        super().__init__(
            errors[0].path, [diagnostic for error in errors for diagnostic in error.diagnostics], errors[0].text
        )

    def render(self) -> str:
        """Return the diagnostics of every file."""
        return "\n".join(error.render() for error in self.errors)


def version_key(version: str) -> tuple[int, ...]:
    """Return a sort key of versions, by number."""
    return tuple(map(int, version.split(".")))


def newest(policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """Return the highest version of each policy."""
    best: dict[str, Policy] = {}
    for policy in policies:
        if policy.id not in best or version_key(best[policy.id].version) < version_key(policy.version):
            best[policy.id] = policy
    return tuple(best.values())


def _read(root: Mapping, findings: Findings, digest: str, text: str) -> Policy | None:
    try:
        doc = validate_document(to_plain(root))
    except ValidationError as error:
        findings.add_shape_errors(error)
        return None
    return _build_policy(doc, findings, digest, text)


def _build_policy(doc: PolicyDoc, findings: Findings, digest: str, text: str) -> Policy | None:
    _check_identity(doc, findings)
    facts = declare_facts(doc.facts, findings)
    outcomes = declare_outcomes(doc.outcome, facts, findings)
    logic = LogicReader(facts, outcomes, findings).read(doc)
    expectations = ExpectationReader(facts, outcomes, logic, findings)
    check_previous(facts, outcomes, findings, is_list=expectations.returns_list)
    examples = expectations.read_examples(doc.examples)
    invariants = expectations.read_invariants(doc.invariants)
    if logic is None or findings.diagnostics:
        return None
    policy = Policy(
        id=doc.policy,
        version=doc.version,
        digest=digest,
        title=Bilingual(doc.title.zh, doc.title.en),
        source=tuple(doc.source),
        notes=bilingual(doc.notes, "") if doc.notes else None,
        subject=doc.subject,
        facts=facts,
        outcomes=outcomes,
        form=logic.form,
        hit=logic.hit,
        aggregate=logic.aggregate,
        inputs=logic.inputs,
        rules=logic.rules,
        scorecard=logic.scorecard,
        examples=examples,
        invariants=invariants,
        text=text,
        cross=logic.cross,
    )
    _check_limits(policy, findings)
    return replace(policy, meaning=meaning_of(policy))


def _check_identity(doc: PolicyDoc, findings: Findings) -> None:
    if not POLICY_ID.fullmatch(doc.policy):
        hint = "write `<domain>/<policy>` in lower-case letters, e.g. `tiering/rfm_value`"
        findings.add_error(Code.INVALID_NAME, f"`{shorten(doc.policy)}` names no policy", ("policy",), hint)
    elif doc.policy.startswith(f"{BENCHMARKS}/"):
        hint = "name another domain"
        message = f"the domain `{BENCHMARKS}` is that of benchmark sets"
        findings.add_error(Code.INVALID_NAME, message, ("policy",), hint)
    if not VERSION.fullmatch(doc.version):
        findings.add_error(Code.INVALID_VALUE, f"`{shorten(doc.version)}` is no version", ("version",), "write `1.0.0`")
    if not KIND.fullmatch(doc.subject):
        findings.add_error(
            Code.INVALID_NAME, f"`{shorten(doc.subject)}` names no subject", ("subject",), "write `customer`"
        )
    for index, citation in enumerate(doc.source):
        if not CITATION.fullmatch(citation):
            findings.add_error(
                Code.INVALID_VALUE,
                f"`{shorten(citation)}` is no citation",
                ("source", index),
                "write `R-RFM-1`",
            )


def _check_limits(policy: Policy, findings: Findings) -> None:
    for rule, code, message in excesses(policy):
        if rule is None:
            findings.add_key_error(code, message, rule_path(policy, 0)[:2], "split the policy into several")
            continue
        band = rule - len(policy.rules)
        path = rule_path(policy, rule) if band < 0 else (policy.form, "bands", band)
        findings.add_error(code, message, (*path, "when"), "split the rule into several")
