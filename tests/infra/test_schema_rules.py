"""Each rule of the schema's form finds a planted fault, and a schema that keeps them has none."""

from datetime import date

import pytest
from graphql import build_schema

from infra.schema_rules import problems, removed_after

GOOD = '''
"""Who has an id."""
interface Node {
  """Opaque id."""
  id: ID!
}

"""An order."""
type Order implements Node {
  """Opaque id."""
  id: ID!
  """Net amount."""
  net: Int!
  """Net amount."""
  netAmount: Int @deprecated(reason: "Removed after 2027-09-30: use net.")
}

"""A page of orders."""
type OrderConnection {
  """The rows."""
  edges: [OrderEdge!]!
  """The page."""
  pageInfo: PageInfo!
  """How many."""
  totalCount: Int!
}

"""An order in a list."""
type OrderEdge {
  """The row."""
  node: Order
  """Where it stands."""
  cursor: String!
}

"""A page."""
type PageInfo {
  """More."""
  hasNextPage: Boolean!
  """Before."""
  hasPreviousPage: Boolean!
  """First."""
  startCursor: String
  """Last."""
  endCursor: String
}

"""Which order."""
enum State {
  """Open."""
  IS_OPEN
}

"""What can be read."""
type Query {
  """Anything."""
  node("The id." id: ID!): Node
  """Things."""
  nodes("The ids." ids: [ID!]!): [Node]!
  """All."""
  orders("How many." first: Int = 10, "Behind." after: String, "In which state." state: State): OrderConnection!
}

"""What can be changed."""
type Mutation {
  """Close."""
  closeOrder("What." input: CloseOrderInput!): CloseOrderPayload
}

"""Which."""
input CloseOrderInput {
  """The id."""
  id: ID!
  """The version."""
  version: Int @deprecated(reason: "Removed after 2027-09-30: use expectedVersion.")
}

"""The answer."""
type CloseOrderPayload {
  """The order."""
  order: Order
  """Why not."""
  userErrors: [UserError!]!
}

"""A refusal."""
type UserError {
  """Code."""
  code: UserErrorCode!
  """Message."""
  message: String!
  """Where."""
  path: [String!]!
}

"""Codes."""
enum UserErrorCode {
  """It is closed."""
  CLOSED
}
'''


def found(old: str = "", new: str = "") -> list[str]:
    """What the rules say when a piece of the good schema is replaced."""
    assert old in GOOD
    return list(problems(build_schema(GOOD.replace(old, new, 1))))


def test_a_good_schema_has_no_problem() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"""An order."""\n', "", "Order: has no description"),
        ('  """Net amount."""\n', "", "Order.net: has no description"),
        ('"How many." ', "", "Query.orders(first:): has no description"),
        ('  """Open."""\n', "", "State.IS_OPEN: has no description"),
        ('  """The version."""\n', '  """ """\n', "CloseOrderInput.version: has no description"),
        ('"""Who', 'directive @cost(weight: Int) on OBJECT\n"""Who', "@cost: has no description"),
        ('"""Who', '"Cost." directive @cost(weight: Int) on OBJECT\n"""Who', "@cost(weight:): has no description"),
        ("  net: Int!", "  net_amount: Int!", "Order.net_amount: fields, arguments and directives"),
        ("IS_OPEN", "isOpen", "State.isOpen: enum values"),
        ("enum State {", "enum state { A }\n enum State {", "state: types are written"),
        ('  id: ID!\n}\n\n"""An order', '  id: ID!\n  "At." at: Int\n}\n\n"""An order', "Node: must be an interface"),
        ("nodes(", "several(", "Query.nodes: must be nodes(ids: [ID!]!): [Node]!"),
        ("): Node\n", "): Node!\n", "Query.node: must be node(id: ID!): Node"),
        ("ids: [ID!]!", "ids: [ID]!", "Query.nodes: must be"),
        (
            "type Mutation {",
            'type Mutation { "X." x: CloseOrderPayload',
            "Mutation.x: takes exactly one argument, input",
        ),
        ("order: Order\n", 'id: String "O." order: Order\n', "CloseOrderPayload.id: an id is ID! or ID, not String"),
        ("type PageInfo {", 'type PageInfo {\n"Id." id: Int', "PageInfo.id: an id is ID!, not Int"),
        ("orders(", 'order("Id." id: String): Order\n "All." orders(', "Query.order(id:): an id is ID, not String"),
        (
            "input CloseOrderInput {\n",
            'input CloseOrderInput {\n "Ids." ids: [String!]\n',
            "ids are [ID!], not [String!]",
        ),
        ("endCursor: String", "endCursor: String!", "PageInfo: must have exactly"),
        ("edges: [OrderEdge!]!", "edges: [OrderEdge]!", "OrderConnection: the ending Connection is for types"),
        ("totalCount: Int!", "totalCount: Int", "OrderConnection.totalCount: must be Int!"),
        (
            "enum State {",
            "enum StateConnection { A }\n enum State {",
            "StateConnection: the ending Connection is for object types",
        ),
        ("type UserError {", 'type UserError { "E." edges: [Int!]', "UserError: pages like a connection"),
        ("cursor: String!", "cursor: String", "OrderEdge: needs cursor: String!"),
        ("node: Order\n", "node: [Order!]\n", "OrderEdge: needs a node that is no list"),
        ("enum State {", "enum StateEdge { A }\n enum State {", "StateEdge: the ending Edge is for"),
        ("order: Order\n", "order: [Order!]\n", "CloseOrderPayload.order: a list of rows"),
        ("): OrderConnection!", "): [OrderConnection!]", "Query.orders: a list of connections"),
        (', "Behind." after: String', "", "Query.orders: a connection needs the arguments first and after"),
        ("first: Int = 10", "first: Int!", "Query.orders(first:): must be optional"),
        ("after: String", "after: Int", "Query.orders(after:): must be String, not Int"),
        ("input: CloseOrderInput!", "input: CloseOrderInput", "Mutation.closeOrder(input:): must be a required input"),
        ("CloseOrderPayload\n}", "CloseOrderPayload!\n}", "Mutation.closeOrder: must give CloseOrderPayload, null"),
        ("userErrors: [UserError!]!", "userErrors: [UserError!]", "CloseOrderPayload: must have userErrors"),
        ("path: [String!]!", "path: String!", "UserError: must have code"),
        ("Removed after 2027-09-30: use net.", "use net", "Order.netAmount: a deprecation says"),
        ("Removed after 2027-09-30: use exp", "Removed after 2027-09-31: use exp", "CloseOrderInput.version: a dep"),
        ("version: Int @", "version: Int! @", "CloseOrderInput.version: whoever must give it"),
    ],
)
def test_planted_fault_is_found(old: str, new: str, said: str) -> None:
    lines = found(old, new)
    assert any(said in line for line in lines), lines


def test_the_day_in_a_reason() -> None:
    assert removed_after("Removed after 2027-09-30: use net.") == date(2027, 9, 30)
    for reason in (
        "Removed after 2027-09-30",
        "removed after 2027-09-30: use net.",
        "Removed after 2027-13-01: x.",
        "",
    ):
        assert removed_after(reason) is None
