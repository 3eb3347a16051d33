"""The audit log of every action: append-only, hash-chained, checkpointed, verifiable offline."""
