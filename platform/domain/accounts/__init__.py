"""Accounts 账号 of a group, with their audit."""
