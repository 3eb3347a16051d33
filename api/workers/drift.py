"""Check before a change is signed or scheduled whether the effect that was signed still holds.

The records since the simulation are counted here; only where they are about many subjects does a worker decide about
these anew, which takes as long as the analysis of a change may.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sqlmodel import Session

from api.service import Service
from api.web.transactions import run_read, run_write
from api.workers.work_kinds import ANALYSING, DRAFT_CHECKING, time_limit
from policy_service.approval import service as approval
from policy_service.approval.policies import policy_loader
from policy_service.approval.service import ChangeState, InvalidState
from policy_service.audit.guard import start_guard
from policy_service.database import Database
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.messages import Message, join_sentences, plain_text
from policy_service.population.drift import drift_problems, may_have_drifted, registered_drift

UNDER_REVIEW = frozenset({ChangeState.SUBMITTED, ChangeState.SIGNED_OFF})
SENT_BACK = Message("It was sent back to its author, to be submitted and simulated again.")


async def require_undrifted(service: Service, change: str) -> None:
    """Send a change back whose population has drifted since it was simulated.

    Raises InvalidState when it has, UnknownChange, ProblemError, DatabaseUnavailable, DamagedRecord.
    """
    if not await run_read(service, lambda session: _needs_look(session, change)):
        return
    seconds = time_limit(ANALYSING, service.settings)  # records are decided, as many as were when it was submitted
    problems = await service.workers.pool(DRAFT_CHECKING).run(
        seconds, find_drift, service.database.url, service.settings.keys, change
    )
    if problems:
        reason = plain_text(join_sentences(problems))
        await run_write(service, lambda transaction: approval.return_drifted(transaction, change, reason))
        raise InvalidState(*problems, SENT_BACK)


def find_drift(url: str, keys: Path, change: str) -> tuple[Message, ...]:
    """The reasons why the effect submitted with a change no longer holds; none where it does."""
    with closing(Database(url, keys=keys)) as database, database.read() as session:
        start_guard(database)
        effect = approval.read_effect(session, approval.read_change(session, change))
        if effect is None:
            return ()
        cipher = FactCipher(MasterKeys(keys))
        return drift_problems(database, lambda: cipher, effect.document, policy_loader(session))


def _needs_look(session: Session, change: str) -> bool:
    current = approval.read_change(session, change)
    effect = approval.read_effect(session, current) if current.state in UNDER_REVIEW else None
    if effect is None:
        return False
    return bool(may_have_drifted(session, effect.document)) or registered_drift(session, effect.document) is not None
