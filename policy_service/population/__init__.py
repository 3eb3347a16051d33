"""Populations: the facts of many subjects, read exactly, and the policies applied to all of them."""
