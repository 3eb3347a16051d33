"""The service's keys: the signing key of the log, and the master key of subjects' keys."""
