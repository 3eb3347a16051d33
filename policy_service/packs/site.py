"""The pages of a pack: `index.html` works without a network and without scripts.

| file                                     | what it tells                                                           |
|------------------------------------------|-------------------------------------------------------------------------|
| `index.html`, `index.en.html`            | what was in force, changes and signers, decisions, what is verified     |
| `decisions/<number>-<id>/`, the same two | one decision: its sentence, the rules that gave it, who signed them     |

The manifest includes their digests, like those of all files. Their Content-Security-Policy allows only their own style.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from sqlmodel import Session

from policy_service.approval.provenance import ActivationOrigin, activation_origins
from policy_service.audit.events import ROLES
from policy_service.characters import HIDDEN_CHARACTER
from policy_service.compilers.prose import rule_sentence, value_in_words
from policy_service.decisions.record import DecisionRecord
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Fact, Language, Outcome, Policy
from policy_service.language.types import ValueRejected, parse_value
from policy_service.packs.archive import Archive
from policy_service.packs.contents import PackContents
from policy_service.packs.site_words import MARKS, WORDS
from policy_service.packs.texts import LANGUAGES
from policy_service.packs.times import both_times, zone_of
from policy_service.registry.model import Activation, active_at
from policy_service.registry.service import UnknownVersion, load_version
from policy_service.subject import kind_label

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border-bottom:1px solid #ccc;padding:.35rem .6rem;"
    "text-align:left;vertical-align:top}thead th{border-bottom:2px solid #666}pre{white-space:pre-wrap;"
    "background:#f4f4f4;padding:.8rem}code{overflow-wrap:anywhere}small{color:#555}.bad{color:#a4262c;font-weight:600}a{color:#0b57a4}"
)
POLICY = f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
"""The Content-Security-Policy of each page: its own style, and nothing else."""
INDEX = {"zh": "index.html", "en": "index.en.html"}


@dataclass(frozen=True, slots=True)
class PackedDecision:
    """A sampled decision, with its verdicts."""

    folder: str
    record: DecisionRecord
    readable: Mapping[str, Any]
    """As in `record.json`."""
    verdict: str
    is_proved: bool


@dataclass(frozen=True, slots=True)
class DecidedPolicy:
    """The answer of one policy, in words."""

    policy: str
    title: str
    version: str
    status: str
    outcomes: tuple[str, ...]
    is_overridden: bool
    rules: tuple[tuple[str, str], ...]
    """The name and the sentence of each rule that gave it."""
    origin: ActivationOrigin | None


def write_site(  # noqa: PLR0913, PLR0917  # what the pages tell of
    archive: Archive,
    session: Session,
    contents: PackContents,
    head: Mapping[str, Any],
    decisions: Iterable[PackedDecision],
    key: str,
) -> None:
    """Write the pages in both languages."""
    packed, origins = list(decisions), activation_origins(session, contents.activations)
    policies = _Policies(session)
    for lang in LANGUAGES:
        environment = _environment(lang, head)
        page = {"pack": head, "decisions": packed, "key": key, "lang": lang, "changes": contents.changes}
        rows = [(each, origins[each.id], policies.title(each.digest, lang)) for each in _in_order(contents.activations)]
        text = environment.get_template("index.html").render(**page, in_force=rows, other=_other(lang))
        archive.add_text(INDEX[lang], text)
        for each in packed:
            decided = [
                _decided(policies, name, used.digest, used.version, each, contents.activations, origins, lang)
                for name, used in each.record.policies.items()
            ]
            text = environment.get_template("decision.html").render(
                pack=head,
                decision=each,
                policies=decided,
                facts=_facts(policies, each, lang),
                lang=lang,
                other=_other(lang),
            )
            archive.add_text(f"{each.folder}/{INDEX[lang]}", text)


class _Policies:
    """The versions in a pack, each loaded once; None for one that can no longer be parsed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[str, Policy | None] = {}

    def get(self, digest: str) -> Policy | None:
        if digest not in self._read:
            try:
                self._read[digest] = load_version(self._session, digest)
            except (PolicyError, UnknownVersion):
                self._read[digest] = None
        return self._read[digest]

    def title(self, digest: str, lang: Language) -> str:
        policy = self.get(digest)
        return "" if policy is None else policy.title.in_language(lang)


def _in_order(activations: Iterable[Activation]) -> list[Activation]:
    return sorted(activations, key=lambda each: (each.policy, each.effective.start, each.seq))


def _decided(  # noqa: PLR0913, PLR0917  # what one answer is told from
    policies: _Policies,
    name: str,
    digest: str,
    version: str,
    decision: PackedDecision,
    activations: Iterable[Activation],
    origins: Mapping[str, ActivationOrigin],
    lang: Language,
) -> DecidedPolicy:
    entry: Mapping[str, Any] = decision.record.outcomes.get(name, {})
    policy, at = policies.get(digest), decision.record.decided_at
    active = active_at([each for each in activations if each.digest == digest], name, at, at)
    rule_ids = [str(each) for each in entry.get("rules", ())]
    by_id = {rule.id: rule for rule in policy.rules} if policy is not None else {}
    return DecidedPolicy(
        policy=name,
        title=policies.title(digest, lang),
        version=version,
        status=str(entry.get("status", "")),
        outcomes=tuple(_outcome_lines(policy, entry.get("outcome"), lang)),
        is_overridden="override" in entry,
        rules=tuple(
            (
                rule.title.in_language(lang)
                if (rule := by_id.get(each)) is not None and rule.title is not None
                else each,
                rule_sentence(rule, policy, lang) if rule is not None and policy is not None else "",
            )
            for each in rule_ids
        ),
        origin=origins.get(active.id) if active is not None else None,
    )


def _facts(policies: _Policies, decision: PackedDecision, lang: Language) -> list[tuple[str, str, str]]:
    """Return the name, title and value of each fact, as declared by the versions that decided."""
    used = (policies.get(each.digest) for each in decision.record.policies.values())
    declared = {name: fact for policy in used if policy is not None for name, fact in policy.facts.items()}
    return [
        (name, *_in_words(name, value, declared.get(name), lang)) for name, value in decision.readable["facts"].items()
    ]


def _outcome_lines(policy: Policy | None, outcome: object, lang: Language) -> Iterable[str]:
    for entry in outcome if isinstance(outcome, list) else [outcome]:
        if not isinstance(entry, dict):
            continue
        for name, value in entry.items():
            title, words = _in_words(name, value, policy.outcomes.get(name) if policy is not None else None, lang)
            yield f"{title}: {words}"


def _in_words(name: str, value: object, declared: Fact | Outcome | None, lang: Language) -> tuple[str, str]:
    """Return the title and the text of a fact or an outcome; without a declaration, its name and value as recorded."""
    if declared is None:
        return name, str(value)
    try:
        words = value_in_words(declared.type, parse_value(declared.type, value), lang, declared.words)
    except (ValueRejected, ValueError, TypeError):
        words = str(value)
    return declared.title.in_language(lang), words


def _other(lang: Language) -> str:
    return INDEX["en" if lang == "zh" else "zh"]


def _environment(lang: Language, head: Mapping[str, Any]) -> Environment:
    zone = zone_of(head["zone"])
    environment = Environment(
        loader=PackageLoader("policy_service.packs"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(style=Markup(STYLE), content_policy=POLICY)  # noqa: S704  # a constant of this module
    environment.filters["w"] = lambda name: WORDS[name].in_language(lang)
    environment.filters["role"] = lambda role: ROLES[role].in_language(lang)
    environment.filters["written"] = _written
    environment.filters["times"] = lambda at: both_times(at, zone)
    environment.filters["day"] = lambda at: (
        (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(zone).date().isoformat()
    )
    environment.filters["kind"] = lambda kind: kind_label(kind, lang)
    environment.globals["marks"] = MARKS[lang]
    return environment


def _written(text: object) -> Markup:
    """Return text written by people, isolated and with invisible characters shown as code points."""
    marked = HIDDEN_CHARACTER.sub(lambda mark: f"[U+{ord(mark[0]):04X}]", str(text))
    return Markup("<bdi>{}</bdi>").format(escape(marked))
