"""A directory provisions the group's people by SCIM 2.0: who they are, which groups they are in, and what follows for their roles."""
