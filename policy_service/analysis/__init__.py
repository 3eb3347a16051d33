"""Questions asked of a policy before it is used: pure, and every answer comes with a counterexample."""
