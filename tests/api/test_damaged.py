"""A row that cannot be read is told as that, by table and key, on pages and over HTTP, never as a fault of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from unittest import mock

import pytest
from sqlalchemy import LargeBinary
from sqlmodel import SQLModel

from policy_service.actor import SERVICE, Role
from policy_service.audit.comparison import copy_checkpoints
from policy_service.cli.app import main
from policy_service.database import CheckedColumn, Instant
from policy_service.identity.api_keys import issue_key
from policy_service.identity.errors import AuthenticationFailed
from policy_service.identity.key_ring import KeyRing
from policy_service.lru_cache import LruCache
from policy_service.population.registered.model import PopulationDetails
from policy_service.registry import policy_cache
from tests.api.company import Company, company, opened
from tests.approval.world import TIER
from tests.effort import sample
from tests.packs.packing import decided, fill_all
from tests.pages.visitor import Visitor
from tests.population.registering import register

GARBAGE = ("gossip", "", "{}", "[1]", "\u0000")
"""What no column is written with that holds JSON, an instant, roles or a kind."""
JSON_COLUMNS = (".body", ".line", ".headings", ".types", ".outcome", ".difference", ".decided_by")


@dataclass(frozen=True)
class Furnished:
    """A company, with the names of one thing of each kind."""

    here: Company
    names: dict[str, str]

    def paths(self, *patterns: str) -> list[str]:
        return [pattern.format(**self.names) for pattern in patterns]

    @contextmanager
    def service(self, *, restarted: bool) -> Iterator[Company]:
        """The company's service, or one that was just started on its database and has read nothing yet."""
        here = self.here
        if not restarted:
            yield here
            return
        folder = here.app.service.settings.keys.parent
        with (
            mock.patch.object(policy_cache, "_POLICIES", LruCache(policy_cache.MAX_POLICY_CHARACTERS)),
            mock.patch.object(policy_cache, "_HEADS", LruCache(policy_cache.MAX_HEAD_CHARACTERS)),
            opened(here.database.url, folder, here.clock, here.people) as cold,
        ):
            yield cold


DETAILS = PopulationDetails("spring", "customer", date(2026, 11, 1))


@pytest.fixture(scope="module")
def furnished() -> Iterator[Furnished]:
    with company(furnish=fill_all) as here:
        with here.database.write(here.clock) as transaction:
            ends = transaction.now + timedelta(days=30)
            issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=ends)
        copy_checkpoints(here.database, here.clock, *here.app.service.settings.copies)
        names = {
            "policy": TIER,
            "change": here.did("GET", "/v1/changes", "sales")["items"][0]["id"],
            "suspension": here.did("GET", "/v1/suspensions", "sales")["items"][0]["id"],
            "override": here.did("GET", "/v1/overrides", "sales")["items"][0]["override"],
            "decision": decided(here, "C1", orders=95),
            "account": here.people["ann"].id,
            "population": register(
                here.database, here.clock, here.app.service.fact_cipher, DETAILS, b"subject,orders\nC1,3\n"
            ).id,
        }
        here.did("POST", f"/v1/changes/{names['change']}/comments", "sales", {"text": "seen"})
        here.app.service.sealer.seal_all()
        yield Furnished(here, names)


CHANGES = ("/v1/changes", "/v1/changes/{change}", "/v1/changes/{change}/report", "/changes", "/changes/{change}", "/")
SUSPENSIONS = ("/v1/suspensions", "/v1/suspensions/{suspension}", "/suspensions", "/suspensions/{suspension}")
OVERRIDES = ("/v1/overrides", "/v1/overrides/{override}", "/overrides", "/overrides/{override}")
DECISIONS = ("/v1/decisions/{decision}", "/v1/subjects/C1/decisions", "/decisions", "/decisions/{decision}")
POLICIES = (
    "/v1/policies",
    "/v1/policies/{policy}",
    "/v1/policies/{policy}/versions",
    "/policies",
    "/policies/{policy}",
    "/in-force",
)
TEXTS = ("/v1/policies/{policy}/versions/1.2.0", "/policies/{policy}/versions/1.2.0/file")
LOG = (
    "/v1/audit",
    "/v1/audit/2",
    "/v1/audit/2/proof",
    "/v1/audit/checkpoints",
    "/v1/audit/public-key",
    "/v1/audit/verify",
)
LOG_PAGES = ("/audit", "/audit/entries/2", "/audit/checkpoints")
POPULATIONS = ("/v1/populations", "/v1/populations/{population}", "/populations", "/populations/{population}")
ACCOUNTS = ("/v1/accounts", "/accounts", "/v1/api-keys", "/api-keys")
READERS: dict[str, tuple[str, ...]] = {
    "change_action.body": CHANGES,
    "change_action.action": CHANGES,
    "change_action.role": CHANGES,
    "change_action.meaning": CHANGES,
    "change_action.at": CHANGES,
    "change_action.number": CHANGES,
    "change_action.digest": CHANGES,
    "change_report.content": CHANGES,
    "change_text.content": CHANGES,
    "change_comment.at": CHANGES,
    "suspension.role": SUSPENSIONS,
    "suspension.at": SUSPENSIONS,
    "suspension.until": SUSPENSIONS,
    "suspension.digest": SUSPENSIONS,
    "suspension.fallback_digest": SUSPENSIONS,
    "override.outcome": OVERRIDES,
    "override.role": OVERRIDES,
    "override.until": OVERRIDES,
    "override.recorded_at": OVERRIDES,
    "decision.line": DECISIONS,
    "decision.decided_at": DECISIONS,
    "decision.seq": DECISIONS,
    "decision.as_of": DECISIONS,
    "block.first": ("/v1/decisions/{decision}/proof", "/decisions/{decision}"),
    "block.last": ("/v1/decisions/{decision}/proof", "/decisions/{decision}"),
    "block.entry": ("/v1/decisions/{decision}/proof", "/decisions/{decision}"),
    "checkpoint_copy.count": LOG_PAGES,
    "checkpoint_copy.size": LOG_PAGES,
    "activation.kind": POLICIES,
    "activation.digest": POLICIES,
    "activation.effective_from": POLICIES,
    "activation.effective_until": POLICIES,
    "activation.recorded_at": POLICIES,
    "version.content": POLICIES + TEXTS,
    "version.digest": POLICIES + TEXTS,
    "audit_entry.line": LOG + LOG_PAGES,
    "audit_entry.at": LOG + LOG_PAGES,
    "audit_entry.event": LOG + LOG_PAGES,
    "audit_entry.digest": LOG + LOG_PAGES,
    "checkpoint.line": LOG + LOG_PAGES,
    "checkpoint.at": LOG + LOG_PAGES,
    "checkpoint.peaks": LOG + LOG_PAGES,
    "checkpoint_copy.difference": LOG_PAGES,
    "checkpoint_copy.copied_at": LOG_PAGES,
    "change.created_at": CHANGES,
    "change_submitted.effective_from": CHANGES,
    "ratification.at": SUSPENSIONS,
    "ratification.role": SUSPENSIONS,
    "ratification.until": SUSPENSIONS,
    "suspension_end.at": SUSPENSIONS,
    "override.lapses_at": OVERRIDES,
    "override.decided_by": OVERRIDES,
    "override_signature.signed_at": OVERRIDES,
    "override_signature.role": OVERRIDES,
    "override_signature.digest": OVERRIDES,
    "override.signers": OVERRIDES,
    "override_end.recorded_at": OVERRIDES,
    "cancellation.recorded_at": POLICIES,
    "version.recorded_at": POLICIES,
    "lane.at": POLICIES + LOG_PAGES + ("/readyz",),
    "block.sealed_at": ("/v1/decisions/{decision}/proof", "/decisions/{decision}"),
    "subject_key.wrapped": DECISIONS,
    "subject_key.created_at": DECISIONS,
    "credential.changed_at": ACCOUNTS,
    "signed_in.started_at": ACCOUNTS,
    "signed_in.seen_at": ACCOUNTS,
    "signed_in.confirmed_at": ACCOUNTS,
    "signed_in.ended_at": ACCOUNTS,
    "api_key.issued_at": ACCOUNTS,
    "block.root": ("/v1/decisions/{decision}/proof", "/decisions/{decision}"),
    "account_change.roles": ACCOUNTS,
    "account_change.at": ACCOUNTS,
    "account.created_at": ACCOUNTS,
    "population.headings": POPULATIONS,
    "population.types": POPULATIONS,
    "population.file_format": POPULATIONS,
    "population.digest": POPULATIONS,
    "population.content": POPULATIONS,
    "population.as_of": POPULATIONS,
    "population.subjects": POPULATIONS,
    "population.registered_at": POPULATIONS,
    "population.expires_at": POPULATIONS,
    "api_key.scopes": ACCOUNTS,
    "api_key.expires_at": ACCOUNTS,
}
"""The columns whose values are parsed, and what reads them."""
COLD = {"version.content", "version.digest", "version.recorded_at"}
"""Columns that are read once: a service that runs goes on with what it has read, so a new one is asked."""
UNREAD = {
    "job.started_at",  # of whoever started it: tests/pages/test_jobs.py
    "job.ended_at",
    "job.seen_at",  # read by the sweep alone, which logs what it cannot read
    "population_part.content",  # opened by work alone: tests/population/test_registered.py
    "evidence.content",  # a file, handed on as it is
    "api_key_revocation.at",  # read with its key
    "api_key_use.used_at",  # a note of the last use, read with its key
    "idempotency.body",  # read when the same request comes again: below
    "idempotency.created_at",  # read by nobody
    "oidc_flow.started_at",  # of somebody who is away at the identity provider
    "second_factor.created_at",  # told on the page of one's own account alone
    "sign_in_failure.since",  # a counter for those who have no session yet
    "sign_in_failure.last",
    "sign_in_failure.blocked_until",
}
"""Those that no page and no list shows, and why."""


@contextmanager
def altered(here: Company, column: str, value: str) -> Iterator[None]:
    """Every row of a table with another value in a column, put in by hand; all is as it was afterwards."""
    table, name = column.split(".")
    file = here.database.file
    assert file is not None
    with closing(sqlite3.connect(file)) as connection:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA busy_timeout = 10000")
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
        ).fetchall()
        for trigger, _ in triggers:
            connection.execute(f"DROP TRIGGER {trigger}")
        before = connection.execute(f'SELECT rowid, "{name}" FROM "{table}"').fetchall()  # noqa: S608
        row, stored = before[-1]
        given_value = value.encode() if isinstance(stored, bytes) else value
        try:
            connection.execute(f'UPDATE "{table}" SET "{name}" = ? WHERE rowid = ?', (given_value, row))  # noqa: S608
            here.app.service.database._cache.clear()
            yield
        finally:
            connection.execute(f'UPDATE "{table}" SET "{name}" = ? WHERE rowid = ?', (stored, row))  # noqa: S608
            here.app.service.database._cache.clear()
            for _, sql in triggers:
                connection.execute(sql)


QUIET = {name for name in READERS if name.startswith(("signed_in.", "subject_key.", "credential.", "block.", "lane."))}
"""Of one person's session or one subject's key alone, or not shown."""


def test_every_column_that_is_parsed_is_tried() -> None:
    parsed = {
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, (Instant, CheckedColumn, LargeBinary))
    }
    assert parsed <= READERS.keys() | UNREAD


def values_of(column: str) -> Sequence[str]:
    return GARBAGE if column.endswith(JSON_COLUMNS) else GARBAGE[:2]


def damage_is_told(furnished: Furnished, column: str, value: str, answers: list[tuple[str, str, int]]) -> bool:
    """Whether some reader reports the damage; none of them may fail. What each answered is added to `answers`."""
    is_told = False
    by = "root" if READERS[column] is ACCOUNTS else "compliance"
    with furnished.service(restarted=column in COLD) as here, altered(here, column, value):
        visitor = Visitor(here, by)
        for path in furnished.paths(*READERS[column]):
            if path.startswith("/v1/"):
                answer = here.ask("GET", path, by)
                status, text = answer.status_code, answer.text
            else:
                page = visitor.get(path)
                status, text = page.status, page.text()
            answers.append((value, path, status))
            assert status != 500, (column, value, path, text[:500])
            is_told = is_told or (status in {200, 503} and "damaged" in text)
    return is_told


@pytest.mark.parametrize("column", sample(READERS, 6))
def test_no_damage_is_a_fault_of_the_service(furnished: Furnished, column: str) -> None:
    answers: list[tuple[str, str, int]] = []
    result = sum(damage_is_told(furnished, column, value, answers) for value in values_of(column))
    quiet = {"audit_entry.digest", "checkpoint.at", "checkpoint.peaks", "block.root", "change_text.content"}
    quiet |= {"checkpoint_copy.difference", "change_action.number", "audit_entry.event"}
    quiet |= {"account.created_at"}  # what the log does not say of an account is not used, so nobody reads it
    quiet |= {"activation.digest", "change_submitted.effective_from"}  # looked for, never read
    quiet |= QUIET
    assert result or column in quiet, f"nobody said that {column} is damaged: {answers}"


def test_a_key_that_cannot_be_read_opens_nothing_and_others_do(furnished: Furnished) -> None:
    here = furnished.here
    with here.database.write(here.clock) as transaction:
        ends = transaction.now + timedelta(days=30)
        first, last = (
            issue_key(transaction, SERVICE, name=name, scopes=[Role.INTEGRATION], expires_at=ends)
            for name in ("first", "last")
        )
    with altered(here, "api_key.scopes", "gossip"):
        ring = KeyRing(here.database)
        ring.refresh()
        assert ring.authenticate(first.text, here.clock.at).name == "first"
        with pytest.raises(AuthenticationFailed):
            ring.authenticate(last.text, here.clock.at)


def test_the_command_line_ends_with_a_sentence(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", furnished.here.database.url)
    monkeypatch.setattr("sys.argv", ["policy-service", "account", "list"])
    with altered(furnished.here, "account_change.roles", "gossip"), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "of the table `account_change` cannot be read: it is damaged, or was altered" in capsys.readouterr().err
