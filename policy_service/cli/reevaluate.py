"""`policy-service reevaluate`: the subjects of a policy are decided about again, by what is in force."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from zoneinfo import ZoneInfo

from policy_service.cli.command_line_actor import command_line
from policy_service.cli.decide import read_day
from policy_service.cli.output import print_json, print_line
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.cli.storage import configured_keys, open_current_database
from policy_service.clock import DEFAULT_ZONE, SystemClock, today
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.master_keys import KeyFileError, MasterKeys
from policy_service.decisions.reevaluation import HEADINGS, Reevaluation, ReevaluationRejected, Reevaluator, reevaluate
from policy_service.decisions.service import open_decision_service
from policy_service.decisions.subjects import FactCipher
from policy_service.spreadsheet import csv_file


def run(policy: str, as_of: str | None, max_age: int, output: Path | None, *, as_json: bool) -> int:
    """Decide again; return the exit status: 1 when a subject was not decided. Raises UsageError."""
    clock, zone = SystemClock(), ZoneInfo(DEFAULT_ZONE)
    day = today(clock, zone)
    scope = Reevaluation(policy, day if as_of is None else read_day(as_of), max_age)
    if scope.as_of > day:
        raise UsageError(f"--as-of {scope.as_of}: a day to come")
    with open_current_database() as database:
        try:
            cipher = FactCipher(MasterKeys(configured_keys()))
            service = open_decision_service(database, clock, zone, cipher)
            with closing(service), csv_file(output) as write:
                write(HEADINGS)
                reevaluator = Reevaluator(service, database, clock, cipher)
                counts = reevaluate(reevaluator, command_line(), scope, on_undecided=lambda each: write(each.cells()))
        except (KeyFileError, NotReady, ReevaluationRejected) as error:
            raise UsageError(str(error)) from None
    if as_json:
        print_json(asdict(scope) | {"as_of": scope.as_of.isoformat()} | asdict(counts))
    else:
        print_line(f"{policy}: {counts.decided} decided again, {counts.current} so before")
        for reason, count in counts.undecided.items():
            print_line(f"not decided, {reason}: {count}")
    return EXIT_FAULT if counts.undecided else EXIT_OK
