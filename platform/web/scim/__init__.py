"""The SCIM 2.0 endpoint: the protocol is scim2-server's, the people and groups are `domain/directory/`."""
