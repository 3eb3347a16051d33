"""Jobs: long work started by an account, recorded so that every process sees it."""
