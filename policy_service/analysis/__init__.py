"""Static questions about a policy, answered before it is used: pure functions that return counterexamples."""
