"""The door to durable-rules: what it answers, and what it survives."""
