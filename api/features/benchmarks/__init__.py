"""Benchmarks: figures over all subjects on record, renewed by a change to be signed."""
