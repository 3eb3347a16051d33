"""The shapes of what applied to a policy at an instant: a version, a suspension that left none, or nothing."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.features.policies.schemas import InForceModel
from api.web.schemas import Answer, Digest, Model
from policy_service.registry.model import Activation, ActivationKind


class ActivationModel(Answer):
    """The record by which a version applies."""

    id: str
    version: str
    digest: Digest
    kind: ActivationKind
    effective: InForceModel
    recorded_at: datetime
    cancelled_at: datetime | None
    change: str | None
    suspension: str | None


class StopModel(Answer):
    """A stop, which makes a policy answer `suspended`: `version` is out of force, and none applies in its place."""

    suspension: str
    reason: str
    version: str
    effective: InForceModel


class ActiveModel(Model):
    """The version that applied at `valid_at`, by what was known at `known_at`; null when none did."""

    policy: str
    valid_at: datetime
    known_at: datetime
    status: Annotated[
        Literal["in_force", "suspended", "ended", "not_in_force"],
        Field(
            description="`suspended`: a suspension left no version in force; `ended`: a signed change ended the policy"
        ),
    ]
    active: ActivationModel | None
    suspended: StopModel | None
    ended: Annotated[
        ActivationModel | None, Field(description="by what the policy was ended, where nothing is in force for that")
    ]


def active_model(
    policy: str, valid_at: datetime, known_at: datetime, activation: Activation | None, ending: Activation | None
) -> ActiveModel:
    """Convert what applied to a policy: a version, a suspension that left none, or nothing."""
    stop = activation if activation is not None and activation.is_stop else None
    return ActiveModel(
        policy=policy,
        valid_at=valid_at,
        known_at=known_at,
        status="suspended" if stop else "in_force" if activation else "ended" if ending else "not_in_force",
        active=ActivationModel.from_value(activation) if activation is not None and stop is None else None,
        suspended=StopModel.from_value(stop) if stop else None,
        ended=ActivationModel.from_value(ending) if ending is not None else None,
    )
