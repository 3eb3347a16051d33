"""Compiles policies to one query over a table of facts, for batches and simulations; exact."""
