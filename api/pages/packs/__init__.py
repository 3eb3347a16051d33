"""Audit packs for compliance: what a pack is to be about, how far it is, and its file."""
