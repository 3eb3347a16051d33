"""Identity: people by password or by an identity provider (OIDC), machines by API key."""
