"""All evaluators agree with the definition, on written cases and on generated policies and facts."""
