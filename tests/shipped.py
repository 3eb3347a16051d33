"""The shipped policies, loaded once for all tests."""

from policy_service.language.load import load_folder, newest
from policy_service.shipped import shipped_policies

SHIPPED = load_folder(shipped_policies())
NEWEST = newest(SHIPPED)
"""Of each shipped policy the version with the highest number."""
VERSIONS = {policy.id: policy.version for policy in NEWEST}
"""Their numbers: what is in force after set-up."""
