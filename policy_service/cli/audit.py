"""`policy-service audit …`: export the log, verify it or an export, sign checkpoints, look after the signing keys."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlmodel import Session

from policy_service.audit.checkpoints import read_kept
from policy_service.audit.comparison import LogDiffers, copy_checkpoints, settle, verify_log
from policy_service.audit.copies import Unreachable
from policy_service.audit.export import verify_export
from policy_service.audit.keys import Damaged, NoKey, PublicKey, public_keys, read_public_key
from policy_service.audit.log import last_entry
from policy_service.audit.log_key import NAME, read_log_keys
from policy_service.audit.service import checkpoint, export, rotate_key, signer, signing_keys
from policy_service.audit.verdict import Verdict
from policy_service.audit.verify import EVERY, PartTick, Tick
from policy_service.cli.acting import command_line
from policy_service.cli.output import say, say_json
from policy_service.cli.status import FINE, FOUND_FAULT, UsageFault
from policy_service.cli.storage import configured_copies, opened_current, refuse_difference
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.database.engines import file_of
from policy_service.decisions import macs
from policy_service.decisions.verification import parts_of, verify_rest
from policy_service.places import (
    advice,
    checkpoint_places,
    database_url,
    keys_folder,
)
from policy_service.sentences import filled

_OWNER_ONLY = 0o600


def run_export(file: Path) -> int:
    """Writes the log to a file that only its owner can read; gives the exit status. Raises UsageFault."""
    if file.exists():
        raise UsageFault(f"{file} is there already, and an export is never written over")
    unfinished = file.with_name(f".{file.name}.unfinished")
    with _told(), opened_current(database_url(os.environ)) as database, database.read() as session:
        signing = signer(session, keys_folder(os.environ))
        with open(unfinished, "wb", opener=_for_the_owner) as out, _progress("writing", _count(session)) as tick:
            for number, line in enumerate(export(session, signing, SystemClock().now())):
                out.write(line + b"\n")
                if not number % EVERY:
                    tick(number)
            out.flush()
            os.fsync(out.fileno())
    unfinished.replace(file)
    with file.open("rb") as lines, _progress("verifying", None) as tick:
        verdict = verify_export(lines, [signing.public], tick=tick)
    return _tell(verdict, f"the export in {file}")


def run_verify(file: Path | None, key: Path | None, checkpoints: Path | None, *, as_json: bool) -> int:
    """Verifies an export, or the database; gives the exit status. Raises UsageFault."""
    with _told():
        trusted = _trusted(key)
        if file is not None:
            kept = read_kept(checkpoints) if checkpoints else []
            with file.open("rb") as lines, _progress("verifying", None) as tick:
                verdict = verify_export(lines, trusted, kept, tick)
        else:
            copies = configured_copies(checkpoints)
            if checkpoints is not None:
                read_kept(checkpoints)  # a file that was named is one of checkpoints, or was named wrongly
            with (
                opened_current(database_url(os.environ)) as database,
                database.read() as session,
                _progress_of(parts_of(session)) as tick,
            ):
                keys = read_log_keys(keys_folder(os.environ))
                verdict = verify_rest(
                    session, verify_log(session, trusted, copies, tick, keys), keys, tick, SystemClock().now()
                )
    ended = _tell(verdict, f"the export in {file}" if file else "the log", as_json=as_json)
    if file is None and not as_json:
        _tell_compared(verdict)
    return ended


def run_public_key() -> int:
    """Prints the public key in use, for those who verify; gives the exit status. Raises UsageFault."""
    with _told(), opened_current(database_url(os.environ)) as database, database.read() as session:
        key = signer(session, keys_folder(os.environ)).public
    say(key.to_pem().rstrip())
    sys.stderr.write(f"{key.id}\n")
    return FINE


def run_checkpoint() -> int:
    """Signs a checkpoint and keeps it elsewhere too; gives the exit status. Raises UsageFault."""
    with _told(), opened_current(database_url(os.environ)) as database:
        refuse_difference(database)
        with database.write(SystemClock()) as transaction:
            signed = checkpoint(transaction, keys_folder(os.environ))
        _keep(database)
    say(_counted("signed: {size} entries", size=signed.size))
    return FINE


def run_rotate_key() -> int:
    """Takes a new signing key into use; gives the exit status. Raises UsageFault."""
    with _told(), opened_current(database_url(os.environ)) as database:
        refuse_difference(database)
        with database.write(SystemClock()) as transaction:
            key = rotate_key(transaction, command_line(), keys_folder(os.environ))
        _keep(database)
        with database.read() as session:
            number = len(signing_keys(session))
    say(f"key {number} is in use, endorsed by the key before it: {key.id}")
    return FINE


def run_settle(reason: str) -> int:
    """Takes the log for right as it is; gives the exit status. Raises UsageFault."""
    copies = configured_copies()
    with _told(), opened_current(database_url(os.environ)) as database:
        try:
            difference = settle(database, SystemClock(), command_line(), keys_folder(os.environ), copies, reason)
        except LogDiffers as still:
            say(f"not settled: {still}")
            say("move that copy away, and keep it; or name another place in the settings")
            return FOUND_FAULT
        if difference is not None:
            with database.write(SystemClock()) as transaction:
                checkpoint(transaction, keys_folder(os.environ))
            _keep(database)
    say("there was no difference to settle" if difference is None else f"settled: {difference}")
    return FINE


def _tell_compared(verdict: Verdict) -> None:
    """Says which checkpoints the log was compared with, and what had better lie elsewhere."""
    for each in verdict.compared:
        if each.fault is not None:
            say(f"not fine: {each.fault}")
        else:
            newest = _counted(", the newest of {size} entries, signed at {at}", size=each.size, at=each.at)
            told = _counted("compared with {count} checkpoints of {place}", count=each.checkpoints, place=each.location)
            say(f"{told}{newest if each.size else ''}")
    file = file_of(database_url(os.environ))
    for sentence in advice(file, keys_folder(os.environ), checkpoint_places(os.environ)):
        say(f"note: {sentence}")


def run_rotate_log_key(*, is_lost: bool) -> int:
    """Takes a new key of the log's MACs into use; gives the exit status. Raises UsageFault."""
    folder = keys_folder(os.environ)
    with _told(), opened_current(database_url(os.environ)) as database:
        with database.write(SystemClock()) as transaction:
            key = macs.rotate(transaction, command_line(), folder, is_lost=is_lost)
            checkpoint(transaction, folder)
        _keep(database)
    say(f"the key of the log is {key.id}: keep the file {folder / NAME} with the backups of the keys")
    return FINE


def _tell(verdict: Verdict, what: str, *, as_json: bool = False) -> int:
    if as_json:
        say_json(verdict.to_dict())
    elif verdict.fault is not None and verdict.fault.is_other_log:
        say(f"{what} was not verified: {verdict.fault.sentence}")
    elif verdict.fault is not None:
        say(f"{what} is not what was signed: {verdict.fault.sentence}")
        for fault in verdict.faults[1:]:
            say(f"  {fault.sentence}")
        if verdict.untold:
            say(f"  and {verdict.untold} more")
    else:
        at = f", exported at {verdict.exported_at}" if verdict.exported_at else ""
        told = "is fine" if verdict.is_fine else "is what was signed"
        found = {"entries": verdict.entries, "checkpoints": verdict.checkpoints}
        say(f"{what} {told}: {_counted('{entries} entries, {checkpoints} checkpoints', **found)}{at}")
        say(f"signed with {verdict.key}")
        if verdict.rows is not None:
            say(_counted("{rows} rows are what the log says", rows=verdict.rows))
            right = _counted("{macs} MACs are right", macs=verdict.macs)
            say(f"no MAC was checked: no {NAME} here" if verdict.macs is None else right)
        if verdict.confirmed < verdict.entries:
            say(f"entries behind {verdict.confirmed} are not signed for yet: `policy-service audit checkpoint`")
    return FINE if verdict.is_fine else FOUND_FAULT


def _trusted(file: Path | None) -> list[PublicKey]:
    if file is not None:
        return [read_public_key(file)]
    keys = list(public_keys(keys_folder(os.environ)).values())
    if not keys:
        raise UsageFault("there is no key to verify with: give --public-key FILE, as `audit public-key` prints it")
    return keys


def _keep(database: Database) -> None:
    for copy in configured_copies():
        copy_checkpoints(database, SystemClock(), copy)


def _count(session: Session) -> int:
    last = last_entry(session)
    return last.seq if last else 0


@contextmanager
def _told() -> Iterator[None]:
    """Tells what the person who called can mend. Raises UsageFault."""
    try:
        yield
    except (NoKey, Damaged, Unreachable) as error:
        raise UsageFault(str(error)) from None
    except OSError as error:
        raise UsageFault(f"{error.filename}: {error.strerror}") from None


def _counted(pattern: str, **values: object) -> str:
    return filled(pattern, values)


@contextmanager
def _progress_of(parts: Mapping[str, int]) -> Iterator[PartTick]:
    """Shows on a terminal how far each part is."""
    with _bars(TextColumn("{task.description}")) as progress:
        tasks = {part: progress.add_task(part, total=total) for part, total in parts.items()}
        yield lambda part, done: progress.update(tasks[part], completed=done)


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Tick]:
    """Shows on a terminal how far it is."""
    with _bars(TextColumn(what), TextColumn("entries")) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


def _bars(what: TextColumn, *unit: TextColumn) -> Progress:
    console = Console(stderr=True)
    columns = (what, BarColumn(), MofNCompleteColumn(), *unit, TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, _OWNER_ONLY)
