"""The command line: composition, progress and tables for people; no rules of its own."""
