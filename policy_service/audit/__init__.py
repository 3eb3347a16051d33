"""The log of everything that was done: append-only, chained, checkpointed, and verified offline."""
