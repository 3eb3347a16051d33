"""Benchmarks: the figures of everybody on record, made anew as a change to be signed."""
