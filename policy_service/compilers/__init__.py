"""The compilers of policies: one definition, several targets."""
