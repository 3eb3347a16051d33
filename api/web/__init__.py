"""HTTP around every route: problems, bodies, idempotency, transactions, security, OpenAPI."""
