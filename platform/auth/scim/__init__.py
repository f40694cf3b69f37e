"""Directories that provision a group's people by SCIM 2.0 (RFC 7643, RFC 7644): tables, bearer tokens, mapping of groups to roles."""
