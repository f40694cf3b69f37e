"""Inputs of mutations, made by a function that is put together once for each type.

The result is that of strawberry's `convert_argument`, which finds out for every value anew what its type is. A type that is
not met in the product's inputs is left to it.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

from strawberry.scalars import is_scalar
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.unset import UNSET

#: Makes of a value that graphql-core has coerced the one that `run` of a mutation takes.
Converter = Callable[[Any], Any]


class Converters:
    """The converters of one schema's input types."""

    def __init__(self, schema: Any) -> None:
        self._registry, self._config = schema.schema_converter.scalar_registry, schema.config
        self._objects: dict[type, Converter] = {}

    def of(self, type_: Any) -> Converter | None:
        """The converter of a type; None where a value stays what it is."""
        if isinstance(type_, StrawberryMaybe):
            return self._left(type_)
        if isinstance(type_, StrawberryOptional):
            return self.of(type_.of_type)
        if isinstance(type_, StrawberryList):
            return self._list(type_)
        if isinstance(type_, StrawberryEnumDefinition):
            return None
        if has_object_definition(type_) and type_.__strawberry_definition__.from_input is None:
            return self._object(type_)
        if is_scalar(type_, self._registry) and type_.__module__ != "strawberry.relay.types":
            return None
        return self._left(type_)

    def _left(self, type_: Any) -> Converter:
        return partial(convert_argument, type_=type_, scalar_registry=self._registry, config=self._config)

    def _list(self, type_: StrawberryList) -> Converter:
        each = self.of(type_.of_type)

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            return list(value) if each is None else [each(one) for one in value]

        return convert

    def _object(self, type_: Any) -> Converter:
        """A type may contain itself, so its fields are looked at when a value comes."""
        known = self._objects.get(type_)
        if known is not None:
            return known
        fields: list[tuple[str, str, Converter | None]] = []
        empty: dict[str, None] = {}

        def learn() -> None:
            definition = type_.__strawberry_definition__
            for field in definition.fields:
                if field.default_value is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                    empty[field.python_name] = None
                name = self._config.name_converter.from_field(field)
                fields.append((name, field.python_name, self.of(field.resolve_type(type_definition=definition))))

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            if not fields:
                learn()
            given: dict[str, Any] = dict(empty)
            for name, attribute, each in fields:
                if name in value:
                    given[attribute] = value[name] if each is None else each(value[name])
            return type_(**given)

        self._objects[type_] = convert
        return convert
