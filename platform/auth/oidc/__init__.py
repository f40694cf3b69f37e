"""Sign-in from a group's own identity provider (OpenID Connect Core 1.0)."""
