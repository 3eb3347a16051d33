"""The routes for machines: JSON in, JSON out, every error a problem detail."""
