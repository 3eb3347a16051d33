"""`policy-service population …`: registers, lists and deletes files of facts.

Listing them first applies pending erasures and expiries, as the service does each minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from policy_service.cli.command_line_actor import command_line
from policy_service.cli.decide import read_day
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.run import fail
from policy_service.cli.status import EXIT_OK, UsageError
from policy_service.cli.storage import configured_keys, open_current_database
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.decisions.master_keys import KeyFileError, MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.integrity import DamagedRecord
from policy_service.language.diagnostics import pluralize
from policy_service.population.registered.content import read_file
from policy_service.population.registered.errors import (
    RegistrationConflict,
    RegistrationRejected,
    UnknownPopulation,
)
from policy_service.population.registered.model import (
    MAX_BYTES,
    MAX_POPULATIONS,
    NAME,
    PopulationDetails,
    RegisteredPopulation,
    format_of,
)
from policy_service.population.registered.queries import list_populations
from policy_service.population.registered.service import (
    apply_erasures,
    delete_population,
    prepare_registration,
    register_population,
    remove_expired,
)
from policy_service.subject import kind_error


def run_register(  # noqa: PLR0917  # what is said of a population
    file: Path, name: str, as_of: str, kind: str, keep_days: int, mapping: Path | None, *, as_json: bool
) -> int:
    """Register a file; return the exit status. Raises UsageError."""
    if not NAME.fullmatch(name):
        raise UsageError(f"--name {name}: expected small letters, digits, `-` and `_`, such as customers-2026-11")
    if (problem := kind_error(kind)) is not None:
        raise UsageError(f"--kind {kind}: {problem}")
    if file.stat().st_size > MAX_BYTES:
        raise UsageError(f"{file}: at most {MAX_BYTES:,} bytes are kept: `run` and `benchmark` read larger files")
    text = "" if mapping is None else mapping.read_text(encoding="utf-8-sig")
    details = PopulationDetails(name, kind, read_day(as_of), keep_days, text)
    content = file.read_bytes()
    with _opened() as (database, cipher):
        try:
            found = read_file(content, format_of(content), text)
        except RegistrationRejected as rejected:
            return fail(rejected, as_json=as_json)
        registration = prepare_registration(database, SystemClock(), cipher, details, found)
        with database.write(SystemClock()) as transaction:
            population = register_population(transaction, command_line(), registration)
    if as_json:
        print_json(_to_dict(population))
    else:
        subjects, refused = pluralize(population.subjects, "subject"), pluralize(population.refused, "row")
        print_line(f"registered: {name}, {subjects}, {refused} refused, kept until {population.expires_at.date()}")
        print_line(population.digest)
    return EXIT_OK


def show_populations(*, as_json: bool) -> int:
    """List the populations; return the exit status. Raises UsageError."""
    with _opened() as (database, cipher):
        remove_expired(database, SystemClock())
        apply_erasures(database, SystemClock(), cipher)
        with database.read() as session:
            populations = list_populations(session, limit=MAX_POPULATIONS).items
    if as_json:
        print_json([_to_dict(each) for each in populations])
    else:
        print_table(
            ["name", "kind", "as of", "subjects", "refused", "removed", "registered by", "kept until"],
            [
                (
                    each.name,
                    each.kind,
                    each.as_of.isoformat(),
                    *(f"{count:,}" for count in (each.subjects, each.refused, each.removed)),
                    each.printed_name,
                    each.expires_at.date().isoformat(),
                )
                for each in populations
            ],
        )
    return EXIT_OK


def run_delete(name: str) -> int:
    """Delete a population; return the exit status. Raises UsageError."""
    with _opened() as (database, _), database.write(SystemClock()) as transaction:
        delete_population(transaction, command_line(), name)
    print_line(f"deleted: {name}")
    return EXIT_OK


@contextmanager
def _opened() -> Iterator[tuple[Database, FactCipher]]:
    """Open the database and the keys. Raises UsageError for errors that the operator can correct."""
    with open_current_database() as database:
        try:
            yield database, FactCipher(MasterKeys(configured_keys()))
        except (KeyFileError, RegistrationConflict, UnknownPopulation, DamagedRecord) as error:
            raise UsageError(str(error)) from None


def _to_dict(population: RegisteredPopulation) -> dict[str, object]:
    return {
        **asdict(population),
        "as_of": population.as_of.isoformat(),
        "registered_at": population.registered_at.isoformat(),
        "expires_at": population.expires_at.isoformat(),
    }
