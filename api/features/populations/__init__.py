"""Populations: files of facts that the service keeps, for runs, benchmark figures and simulations."""
