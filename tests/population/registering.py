"""Populations that are registered."""

from __future__ import annotations

from policy_service.actor import SERVICE
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.population.registered.content import read_file
from policy_service.population.registered.model import FileFormat, PopulationDetails, RegisteredPopulation
from policy_service.population.registered.service import prepare_registration, register_population


def register(
    database: Database,
    clock: Clock,
    cipher: FactCipher,
    details: PopulationDetails,
    content: bytes,
    file_format: FileFormat = "csv",
) -> RegisteredPopulation:
    """Register the bytes of a file."""
    file = read_file(content, file_format, details.mapping)
    registration = prepare_registration(database, clock, cipher, details, file)
    with database.write(clock) as transaction:
        return register_population(transaction, SERVICE, registration)
