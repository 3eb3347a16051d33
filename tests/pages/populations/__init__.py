"""Populations in a browser, and over HTTP."""
