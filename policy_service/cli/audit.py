"""`policy-service audit …`: exports and verifies the log, signs checkpoints, rotates the signing keys."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from policy_service.audit.checkpoints import read_checkpoints
from policy_service.audit.comparison import LogMismatch, copy_checkpoints, read_copies, settle, verify_log
from policy_service.audit.copies import Unreachable
from policy_service.audit.export import verify_export
from policy_service.audit.keys import InvalidSignedLine, KeyUnavailable, PublicKey, public_keys, read_public_key
from policy_service.audit.log import log_length
from policy_service.audit.log_key import NAME, read_log_keys
from policy_service.audit.service import current_signer, export, rotate_key, sign_checkpoint, signing_keys
from policy_service.audit.verdict import LogVerdict
from policy_service.audit.verify import PROGRESS_INTERVAL, EntryProgress, PartTick
from policy_service.cli.command_line_actor import command_line
from policy_service.cli.output import print_json, print_line
from policy_service.cli.progress import progress_bars
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.cli.storage import configured_copies, configured_keys, open_current_database, refuse_difference
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.database.engines import file_of
from policy_service.decisions import macs
from policy_service.decisions.verification import parts_of, verify_rest
from policy_service.messages import fill_pattern
from policy_service.paths import checkpoint_destinations, database_url, separation_warnings
from policy_service.private_file import private_file


def run_export(file: Path) -> int:
    """Write the log to a file that only its owner can read; return the exit status. Raises UsageError."""
    if file.exists():
        raise UsageError(f"{file} is there already, and an export is never written over")
    with _usage_errors(), open_current_database() as database, database.read() as session:
        signer = current_signer(session, configured_keys())
        with private_file(file) as out, _progress("writing", log_length(session)) as on_progress:
            for number, line in enumerate(export(session, signer, SystemClock().now())):
                out.write(line + b"\n")
                if not number % PROGRESS_INTERVAL:
                    on_progress(number)
    with file.open("rb") as lines, _progress("verifying", None) as on_progress:
        verdict = verify_export(lines, [signer.public], on_progress=on_progress)
    return _print_verdict(verdict, f"the export in {file}")


def run_verify(
    file: Path | None,
    key: Path | None,
    checkpoints: Path | None,
    archives: Sequence[Path] = (),
    *,
    as_json: bool,
) -> int:
    """Verify an export, or the database; return the exit status. Raises UsageError."""
    with _usage_errors():
        trusted = _trusted(key)
        if file is not None:
            external_checkpoints = read_checkpoints(checkpoints) if checkpoints else []
            with file.open("rb") as lines, _progress("verifying", None) as on_progress:
                verdict = verify_export(lines, trusted, external_checkpoints, on_progress)
        else:
            copies = configured_copies(checkpoints)
            if checkpoints is not None:
                read_checkpoints(checkpoints)  # a file that was given must contain checkpoints
            with open_current_database() as database:
                external = read_copies(database, copies)
                with database.read() as session, _progress_of(parts_of(session)) as on_progress:
                    keys = read_log_keys(configured_keys())
                    verdict = verify_rest(
                        session,
                        verify_log(session, trusted, external, on_progress, keys),
                        keys,
                        on_progress,
                        SystemClock().now(),
                        archives,
                    )
    status = _print_verdict(verdict, f"the export in {file}" if file else "the log", as_json=as_json)
    if file is None and not as_json:
        _print_comparisons(verdict)
    return status


def run_public_key() -> int:
    """Print the public key in use; return the exit status. Raises UsageError."""
    with _usage_errors(), open_current_database() as database, database.read() as session:
        key = current_signer(session, configured_keys()).public
    print_line(key.to_pem().rstrip())
    sys.stderr.write(f"{key.id}\n")
    return EXIT_OK


def run_checkpoint() -> int:
    """Sign a checkpoint and copy it; return the exit status. Raises UsageError."""
    with _usage_errors(), open_current_database() as database:
        refuse_difference(database)
        with database.write(SystemClock()) as transaction:
            signed_checkpoint = sign_checkpoint(transaction, configured_keys())
        print_line(_counted("signed: {size} entries", size=signed_checkpoint.size))
        _copy_checkpoints(database)
    return EXIT_OK


def run_rotate_key() -> int:
    """Rotate the signing key; return the exit status. Raises UsageError."""
    with _usage_errors(), open_current_database() as database:
        refuse_difference(database)
        with database.write(SystemClock()) as transaction:
            key = rotate_key(transaction, command_line(), configured_keys())
        with database.read() as session:
            number = len(signing_keys(session))
        print_line(f"key {number} is in use, endorsed by the key before it: {key.id}")
        _copy_checkpoints(database)
    return EXIT_OK


def run_settle(reason: str) -> int:
    """Accept the log as it is; return the exit status. Raises UsageError."""
    copies = configured_copies()
    with _usage_errors(), open_current_database() as database:
        try:
            difference = settle(database, SystemClock(), command_line(), configured_keys(), copies, reason)
        except LogMismatch as mismatch:
            print_line(f"not settled: {mismatch}")
            print_line("move that copy away, and keep it; or name another place in the settings")
            return EXIT_FAULT
        if difference is not None:
            with database.write(SystemClock()) as transaction:
                sign_checkpoint(transaction, configured_keys())
            _copy_checkpoints(database)
    print_line("there was no difference to settle" if difference is None else f"settled: {difference}")
    return EXIT_OK


def _print_comparisons(verdict: LogVerdict) -> None:
    """Print which checkpoints the log was compared with, and what should be stored elsewhere."""
    for each in verdict.copies:
        if each.fault is not None:
            print_line(f"not fine: {each.fault}")
        else:
            newest = _counted(", the newest of {size} entries, signed at {at}", size=each.size, at=each.at)
            line = _counted("compared with {count} checkpoints of {place}", count=each.checkpoints, place=each.location)
            print_line(f"{line}{newest if each.size else ''}")
    file = file_of(database_url(os.environ))
    for sentence in separation_warnings(file, configured_keys(), checkpoint_destinations(os.environ)):
        print_line(f"note: {sentence}")


def run_rotate_log_key(*, is_lost: bool) -> int:
    """Rotate the log's MAC key; return the exit status. Raises UsageError."""
    folder = configured_keys()
    with _usage_errors(), open_current_database() as database:
        with database.write(SystemClock()) as transaction:
            key = macs.rotate_mac_key(transaction, command_line(), folder, is_lost=is_lost)
            sign_checkpoint(transaction, folder)
        _copy_checkpoints(database)
    print_line(f"the key of the log is {key.id}: keep the file {folder / NAME} with the backups of the keys")
    return EXIT_OK


def _print_verdict(verdict: LogVerdict, subject: str, *, as_json: bool = False) -> int:
    if as_json:
        print_json(verdict.to_dict())
    elif verdict.fault is not None and verdict.fault.is_other_log:
        print_line(f"{subject} was not verified: {verdict.fault.message}")
    elif verdict.fault is not None:
        print_line(f"{subject} is not what was signed: {verdict.fault.message}")
        for fault in verdict.faults[1:]:
            print_line(f"  {fault.message}")
        if verdict.untold:
            print_line(f"  and {verdict.untold} more")
    else:
        at = f", exported at {verdict.exported_at}" if verdict.exported_at else ""
        summary = "is fine" if verdict.is_fine else "is what was signed"
        report = {"entries": verdict.entries, "checkpoints": verdict.checkpoints}
        print_line(f"{subject} {summary}: {_counted('{entries} entries, {checkpoints} checkpoints', **report)}{at}")
        print_line(f"signed with {verdict.key}")
        if verdict.rows is not None:
            print_line(_counted("{rows} rows are what the log says", rows=verdict.rows))
            right = _counted("{macs} MACs are right", macs=verdict.macs)
            print_line(f"no MAC was checked: no {NAME} here" if verdict.macs is None else right)
        if verdict.confirmed < verdict.entries:
            print_line(f"entries behind {verdict.confirmed} are not signed for yet: `policy-service audit checkpoint`")
    return EXIT_OK if verdict.is_fine else EXIT_FAULT


def _trusted(file: Path | None) -> list[PublicKey]:
    if file is not None:
        return [read_public_key(file)]
    keys = list(public_keys(configured_keys()).values())
    if not keys:
        raise UsageError("there is no key to verify with: give --public-key FILE, as `audit public-key` prints it")
    return keys


def _copy_checkpoints(database: Database) -> None:
    """Copy the signed checkpoints to every copy. Raises UsageError that names the copy."""
    for copy in configured_copies():
        try:
            copy_checkpoints(database, SystemClock(), copy)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"checkpoints are not copied to {copy.location}: {reason}") from None


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn an error that the caller can correct into a UsageError."""
    try:
        yield
    except (KeyUnavailable, InvalidSignedLine, Unreachable) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None


def _counted(pattern: str, **values: object) -> str:
    return fill_pattern(pattern, values)


@contextmanager
def _progress_of(parts: Mapping[str, int]) -> Iterator[PartTick]:
    """Show the progress of each part on a terminal."""
    with progress_bars("{task.description}") as progress:
        tasks = {part: progress.add_task(part, total=total) for part, total in parts.items()}
        yield lambda part, done: progress.update(tasks[part], completed=done)


@contextmanager
def _progress(label: str, total: int | None) -> Iterator[EntryProgress]:
    """Show progress on a terminal."""
    with progress_bars(label, "entries") as progress:
        task = progress.add_task(label, total=total)
        yield lambda done: progress.update(task, completed=done)
