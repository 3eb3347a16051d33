"""Everything that makes a policy run: one definition, several targets."""
