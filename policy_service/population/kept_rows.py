"""The rows that the service itself has as a population: its decision records, or a registered population."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import partial

from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.language.policy import Policy
from policy_service.population.records import open_records
from policy_service.population.registered.content import open_registered
from policy_service.population.run import OpenSource


@dataclass(frozen=True, slots=True)
class KeptRows:
    """The rows about subjects of a kind."""

    database: Database
    cipher: FactCipher
    kind: str
    population: str | None = None
    """The registered population; None for the records."""
    max_age: int | None = None
    """Days; only for records."""

    def source(
        self,
        as_of: date,
        *,
        until: int | None = None,
        filled: Collection[str] = (),
        policies: Collection[Policy] = (),
    ) -> OpenSource:
        """Return what opens the rows for a day; of the records those that `open_records` returns."""
        if self.population is not None:
            return partial(open_registered, self.database, self.cipher, self.population, self.kind)
        about = (self.database, self.cipher, self.kind, as_of, self.max_age)
        return partial(open_records, *about, until=until, filled=filled, policies=policies)
