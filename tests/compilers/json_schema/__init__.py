"""Facts as JSON Schema: what the schema takes, and what the policy reads."""
