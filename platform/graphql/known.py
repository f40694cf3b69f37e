"""What strawberry is told before it runs an operation that was read, measured and validated."""

from collections.abc import Iterator

from strawberry.extensions import SchemaExtension


class Known(SchemaExtension):
    """Neither parses nor validates again what was parsed and validated before (`Context.valid`)."""

    def on_parse(self) -> Iterator[None]:
        """Before parsing."""
        self.execution_context.graphql_document = self.execution_context.context.valid
        yield

    def on_validate(self) -> Iterator[None]:
        """Before validation, whose errors are known: there are none."""
        self.execution_context.pre_execution_errors = []
        yield
