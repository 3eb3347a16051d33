"""A company that has used the service for years: ten thousand changes, a million decisions, a million audit entries."""
