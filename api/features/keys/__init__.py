"""The keys of the service: the one that signs the log, and the one that wraps the keys of subjects."""
