"""Logs, metrics, alarms, and what runs beside requests."""
