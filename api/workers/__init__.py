"""Work behind requests: in worker processes, and periodically."""
