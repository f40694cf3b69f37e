"""OAuth 2 for programs of third parties: their registrations, tokens, and the keys that sign them."""
