"""Re-evaluations: decides about a policy's subjects again, by the version in force."""
