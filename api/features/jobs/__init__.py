"""Jobs over HTTP: starts long work, and reports on it."""
