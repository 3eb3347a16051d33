"""Registered populations: files of facts for runs, benchmark figures and simulations."""
