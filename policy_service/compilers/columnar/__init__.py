"""Compiles policies to one query over a table of facts: batch and simulation, exact to the unit."""
