"""Who may ask the API for its schema: a switch of the installation."""

from typing import Literal

from graphql import GraphQLSyntaxError, Lexer, Source, TokenKind

from ..auth.actor import Actor

#: ADMINISTRATORS: who may connect programs, of the whole group.
Readers = Literal["everybody", "administrators", "nobody"]
ADMINISTRATORS = "accounts:client:manage"

_ASKING = ("__schema", "__type")


def may_read(readers: Readers, actor: Actor) -> bool:
    """May this actor ask for the schema?"""
    return readers == "everybody" or (readers == "administrators" and actor.scope(ADMINISTRATORS, None) is not None)


def asks_for_schema(query: str) -> bool:
    """Does a document ask for the schema? It is read only as far as one that does, without its structure; `__typename` is
    no such question. What is no GraphQL asks for nothing."""
    if not any(name in query for name in _ASKING):
        return False
    lexer = Lexer(Source(query))
    try:
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            if token.kind is TokenKind.NAME and token.value in _ASKING:
                return True
    except GraphQLSyntaxError:
        return False
    return False
