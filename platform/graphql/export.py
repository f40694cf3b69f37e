"""Writing the schema as text."""


def schema_text() -> str:
    """The schema in SDL."""
    return ""
