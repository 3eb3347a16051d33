"""Strategies of the model: who acts, on which change, when, and with which policy files."""

from __future__ import annotations

from hypothesis import strategies as st

from policy_service.actor import SIGNING_ROLES
from tests.approval.world import (
    ADMINISTRATOR,
    ANN,
    BEN,
    BONUS,
    BOTH,
    COMPLIANCE,
    FINANCE,
    GENERAL,
    MACHINE,
    PEOPLE,
    SALES,
    SIGN_OFF,
    TIER,
    WRITING_DIRECTOR,
    bonus,
    sign_off_text,
    tier,
)

POLICIES = (TIER, BONUS, SIGN_OFF)
HIRED = (ANN, BEN, SALES, FINANCE, GENERAL, COMPLIANCE, BOTH, WRITING_DIRECTOR)
"""People whose accounts are changed."""
people = st.sampled_from(PEOPLE)
authors = st.sampled_from((ANN, BEN, WRITING_DIRECTOR, SALES, MACHINE, ADMINISTRATOR))
deciders = st.sampled_from((SALES, GENERAL, COMPLIANCE, FINANCE, ANN, BOTH, ADMINISTRATOR))
which = st.integers(0, 4)
roles = st.sampled_from(SIGNING_ROLES)
minutes = st.integers(-120, 6_000)
texts = st.one_of(
    st.builds(
        lambda minor, limit, note: tier(f"1.{minor}.0", limit, note=note),
        st.integers(0, 25),
        st.integers(100, 104),
        st.sampled_from(["", "the same in other words"]),
    ),
    st.builds(lambda minor, amount: bonus(f"1.{minor}.0", amount), st.integers(0, 15), st.integers(10, 11)),
    st.builds(
        lambda minor: sign_off_text(f"1.{minor}.0", "[sales_director, general_manager, compliance]"), st.integers(1, 4)
    ),
    st.just(tier("1.30.0", words="[small]")),  # not valid
)
