"""Who may come in: people by password or by a provider of identities (OIDC), machines by API key."""
