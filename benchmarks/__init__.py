"""Measure this service beside its peers: the same table, the same facts, the same answers, in one run."""
