"""Populations: the facts of many subjects, read exactly, and policies evaluated over all of them."""
