"""Benchmarks: the figures of everybody on record, made again as a change to be signed."""
