"""Re-evaluations: the subjects of a policy, decided about again by what is in force."""
