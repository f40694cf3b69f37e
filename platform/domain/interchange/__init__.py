"""Importing a group's DMS and CRM export, and reports in its shape."""
