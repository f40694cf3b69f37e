"""Who asks and what they may do: actors, permissions, accounts, tokens, sign-in."""
