"""The command line `policy-service`: check, test, explain and decide policies, and serve them."""

from policy_service.cli.app import main

__all__ = ["main"]
