"""`policy-service replay`: replays a recorded decision, also an archived one."""

from __future__ import annotations

from pathlib import Path

from policy_service.cli.output import print_json, print_line
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.cli.storage import configured_keys, open_current_database
from policy_service.decisions.archive_file import InvalidArchive
from policy_service.decisions.master_keys import KeyFileError, MasterKeys
from policy_service.decisions.record_queries import RecordArchived, UnknownDecision
from policy_service.decisions.replay import ReplayVerdict, replay
from policy_service.decisions.subjects import FactCipher

_VERDICTS = {"same": "replay matches", "different": "replay differs", "not_replayable": "cannot be replayed"}


def run(decision: str, archive: Path | None, *, as_json: bool) -> int:
    """Replay a decision; return the exit status. Raises UsageError."""
    try:
        cipher = FactCipher(MasterKeys(configured_keys()))
        with open_current_database() as database, database.read() as session:
            verdict = replay(session, cipher, decision, archive=archive)
    except UnknownDecision:
        raise UsageError(f"there is no decision {decision}") from None
    except RecordArchived as error:
        raise UsageError(f"{error} Name the file: --archive FILE") from None
    except (InvalidArchive, KeyFileError) as error:
        raise UsageError(str(error)) from None
    if as_json:
        print_json(verdict.to_dict())
    else:
        _print(verdict)
    return EXIT_OK if verdict.verdict == "same" else EXIT_FAULT


def _print(verdict: ReplayVerdict) -> None:
    print_line(
        f"{verdict.decision_id}: {_VERDICTS[verdict.verdict]}" + (f": {verdict.reason}" if verdict.reason else "")
    )
    for policy, version in (verdict.policies or {}).items():
        print_line(f"  {policy} {version['version']}")
    for each in verdict.differences:
        print_line(f"  {each.policy}: recorded {each.recorded}, now {each.replayed}")
