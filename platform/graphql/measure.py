"""How large a document is, before it is validated: linear in what was sent, whatever its fragments would grow to.

Each fragment is measured once, and counts as often as it is spread. What is bounded here bounds the work of validation, of the
measure of cost and of graphql-core's own walks, which follow fragments wherever they are spread.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from .saying import Saying


class Limit(NamedTuple):
    """How much there may be of something, and what it is called."""

    most: int
    name: Saying


#: By what `extensions.limit.of` calls it. Of fields, aliases and directives, fragments count as often as they are spread.
LIMITS: Final[Mapping[str, Limit]] = {
    "ALIASES": Limit(100, Saying("别名", "Aliases")),
    "ARGUMENT_DEPTH": Limit(20, Saying("参数嵌套层数", "Levels of an argument")),
    "CHARACTERS": Limit(50_000, Saying("字符数", "Characters")),
    "COST": Limit(100_000, Saying("成本点数", "Points of cost")),
    "DEPTH": Limit(30, Saying("字段嵌套层数", "Levels of fields")),
    "DIRECTIVES": Limit(50, Saying("指令", "Directives")),
    "FIELDS": Limit(3_000, Saying("字段", "Fields")),
    "FRAGMENTS": Limit(100, Saying("片段", "Fragments")),
    "KEPT_ANSWER": Limit(1_000_000, Saying("幂等键下回答的字节数", "Bytes of an answer under an idempotency key")),
    "OPERATIONS": Limit(20, Saying("操作", "Operations")),
    "REPEATS": Limit(20, Saying("同名字段", "Fields with the same name in one selection")),
    "SELECTION": Limit(200, Saying("同一选择中的字段", "Fields in one selection")),
    "SPREADS": Limit(30, Saying("同一选择中展开的片段", "Fragments spread in one selection")),
    "TOKENS": Limit(2_000, Saying("词元", "Tokens")),
    "VARIABLE_DEPTH": Limit(20, Saying("变量嵌套层数", "Levels of a variable")),
    "VARIABLE_VALUES": Limit(20_000, Saying("变量值", "Values in variables")),
}

#: For every parser of documents, beside what `check_text` sees first.
PARSING: Mapping[str, Any] = {
    "max_tokens": LIMITS["TOKENS"].most,
    "max_source_length": LIMITS["CHARACTERS"].most,
}


class TooLarge(GraphQLError):
    """A document or its variables ask for more of something than one request may."""

    def __init__(self, of: str, asked: int) -> None:
        most, self._name = LIMITS[of]
        # A spread of spreads grows to numbers that no JSON holds.
        self.limit = {"of": of, "asked": min(asked, 1_000_000_000), "most": most}
        super().__init__(self.in_language("en"), extensions={"code": "COST_LIMIT"})

    def in_language(self, language: str) -> str:
        """What it has too much of."""
        asked, most, name = self.limit["asked"], self.limit["most"], self._name
        return Saying(f"{name.zh}：{asked}，最多 {most}。", f"{name.en}: {asked}, at most {most}.").in_language(
            language
        )


def require(of: str, asked: int) -> None:
    """Raises TooLarge where there is more than there may be."""
    if asked > LIMITS[of].most:
        raise TooLarge(of, asked)


def check_text(text: str) -> None:
    """Raises TooLarge for more tokens or letters than a document may have: cheaper by far than to parse so many."""
    require("CHARACTERS", len(text))
    if len(text) > LIMITS["TOKENS"].most:  # a token has a letter or more
        require("TOKENS", len(_TOKEN.findall(text)))


#: What the lexer tells apart. Comments count as tokens: they are read as well.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*"""|"(?:[^"\\\r\n]|\\.)*"|#[^\r\n]*|\.\.\.|[_A-Za-z][_0-9A-Za-z]*|-?[0-9][0-9.eE+-]*|[^\s,\ufeff]'
)


class Size(NamedTuple):
    """Of what one selection is, fragments counted as often as they are spread; `own` and `spreads`: its fields and fragments at
    the same level, whose pairs validation compares."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    own: int = 0
    spreads: int = 0


def check_document(tree: DocumentNode) -> None:
    """Raises TooLarge for a document that may not be looked at any further."""
    fragments = {item.name.value: item for item in tree.definitions if isinstance(item, FragmentDefinitionNode)}
    operations = [item for item in tree.definitions if isinstance(item, OperationDefinitionNode)]
    require("FRAGMENTS", len(tree.definitions) - len(operations))
    require("OPERATIONS", len(operations))
    measure = _Measure(fragments)
    for fragment in fragments.values():  # also those that nothing spreads: validation reads them
        _check(measure.fragment(fragment.name.value))
    for operation in operations:
        size = measure.selection(operation.selection_set)
        own = len(operation.directives or ()) + sum(
            len(one.directives or ()) for one in operation.variable_definitions or ()
        )
        _check(size._replace(directives=size.directives + own))


def check_values(values: Iterable[object]) -> None:
    """Raises TooLarge for variables that hold too much, or too deep."""
    count, depth, level = 0, 0, [one for one in values if isinstance(one, dict | list)]
    while level:
        depth += 1
        require("VARIABLE_DEPTH", depth)
        count += sum(map(len, level))
        require("VARIABLE_VALUES", count)
        inside: list[object] = []
        for one in level:
            inside += one.values() if isinstance(one, dict) else one
        level = [one for one in inside if isinstance(one, dict | list)]


def _check(size: Size) -> None:
    for of, asked in zip(("DEPTH", "FIELDS", "ALIASES", "DIRECTIVES", "SELECTION", "SPREADS"), size, strict=True):
        require(of, asked)


@dataclass
class _Measure:
    fragments: dict[str, FragmentDefinitionNode]
    _known: dict[str, Size] = field(default_factory=dict)

    def fragment(self, name: str) -> Size:
        """One that is being measured counts nothing: validation refuses circles. Neither does one that is not there."""
        found = self._known.get(name)
        if found is None:
            self._known[name] = Size()
            fragment = self.fragments.get(name)
            found = Size() if fragment is None else self.selection(fragment.selection_set)
            if fragment is not None:
                found = found._replace(directives=found.directives + len(fragment.directives or ()))
            self._known[name] = found
        return found

    def selection(self, selected: SelectionSetNode | None) -> Size:
        if selected is None:
            return Size()
        depth = fields = aliases = directives = own = spreads = 0
        keys: dict[str, int] = {}
        for node in selected.selections:
            directives += len(node.directives or ())
            if isinstance(node, FragmentSpreadNode):
                below = self.fragment(node.name.value)
                spreads += 1
            else:
                below = self.selection(getattr(node, "selection_set", None))
                if isinstance(node, FieldNode):
                    for argument in node.arguments or ():
                        _check_value(argument.value)
                    key = (node.alias or node.name).value
                    keys[key] = keys.get(key, 0) + 1
                    aliases += node.alias is not None
                    require("SELECTION", below.own)
                    require("SPREADS", below.spreads)
                    below = Size(below.depth + 1, below.fields + 1, below.aliases, below.directives, 1)
            depth = max(depth, below.depth)
            fields, aliases, directives = fields + below.fields, aliases + below.aliases, directives + below.directives
            own, spreads = own + below.own, spreads + below.spreads
        if keys:
            require("REPEATS", max(keys.values()))
        return Size(depth, fields, aliases, directives, own, spreads)


def _check_value(value: object) -> None:
    depth, level = 0, _inside([value])
    while level:
        depth += 1
        require("ARGUMENT_DEPTH", depth)
        level = _inside([one for node in level for one in _parts(node)])


def _inside(values: Sequence[object]) -> list[ListValueNode | ObjectValueNode]:
    return [one for one in values if isinstance(one, ListValueNode | ObjectValueNode)]


def _parts(node: ListValueNode | ObjectValueNode) -> Sequence[object]:
    return node.values if isinstance(node, ListValueNode) else [one.value for one in node.fields]
