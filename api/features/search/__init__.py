"""One search box: subjects, decisions, policies, rules, changes, entries of the log."""
