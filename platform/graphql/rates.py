"""What the caller may still spend, and what a document would cost."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from . import ids
from .meant import operation_of
from .measure import LIMITS, check_values
from .roots import context_of

_MOST_COST = LIMITS["COST"].most


@strawberry.enum(name="RateLevel", description="Which of its buckets an operation takes its cost from 限流层级.")
class RateLevel(Enum):
    """The three buckets."""

    APP_STORE = strawberry.enum_value("APP_STORE", description="What the caller may spend at one store 本店.")
    APP_GROUP = strawberry.enum_value("APP_GROUP", description="What the caller may spend in the group 调用方.")
    GROUP = strawberry.enum_value("GROUP", description="What all callers of the group may spend 集团.")


@strawberry.type(name="RateBucket", description="A leaky bucket of points of cost 漏桶.")
class RateBucketType:
    """How one bucket stands."""

    level: RateLevel = strawberry.field(description="Whose it is 层级.")
    maximum_available: int = strawberry.field(description="Points that it holds when nothing was spent 上限.")
    currently_available: int = strawberry.field(description="Points that are there now 当前可用.")
    restore_rate: int = strawberry.field(description="Points that come back each second 每秒恢复.")


@strawberry.type(name="RateLimit", description="What the caller may spend 限流状态.")
class RateLimitType:
    """Prices and buckets."""

    cost: int = strawberry.field(description="What this operation costs at most 本次成本.")
    maximum_cost: int = strawberry.field(description="What one operation may cost 单次上限.")
    buckets: list[RateBucketType] = strawberry.field(
        description="The buckets that it is taken from; empty: nobody counts here 漏桶."
    )


@strawberry.type(name="FieldCost", description="What a root field costs at most 字段成本.")
class FieldCostType:
    """One root field."""

    key: str = strawberry.field(description="Its key in the answer 键.")
    requested: int = strawberry.field(description="Points 点数.")


@strawberry.type(name="CostPreview", description="What an operation would cost; it did not run 成本预估.")
class CostPreviewType:
    """The price of an operation."""

    requested: int = strawberry.field(description="Points that it would take, were every page full 点数.")
    maximum: int = strawberry.field(description="Points that one operation may cost 单次上限.")
    allowed: bool = strawberry.field(description="Whether it may run at all 是否允许.")
    fields: list[FieldCostType] = strawberry.field(description="Root field by root field 各字段.")


@strawberry.type
class QueryRates:
    """Fields of Query."""

    @strawberry.field(description="What the caller may spend, and what this operation takes of it 限流状态.")  # type: ignore[untyped-decorator]
    async def rate_limit(
        self,
        info: strawberry.Info,
        store: Annotated[
            strawberry.ID | None, strawberry.argument(description="Id of a store: the caller's bucket there as well.")
        ] = None,
    ) -> RateLimitType:
        context = context_of(info)
        stores = [] if store is None else [(await context.resolve(store, ids.STORE))[0].id]
        levels = [] if context.caller is None else context.caller.levels(stores)
        buckets = [
            RateBucketType(
                level=RateLevel(one.name),
                maximum_available=int(one.maximum),
                currently_available=int(one.available),
                restore_rate=int(one.restore),
            )
            for one in levels
        ]
        return RateLimitType(cost=context.cost, maximum_cost=_MOST_COST, buckets=buckets)

    @strawberry.field(description="What a document would cost, without running it 成本预估.")  # type: ignore[untyped-decorator]
    async def cost_preview(
        self,
        info: strawberry.Info,
        document: Annotated[str, strawberry.argument(description="The GraphQL document.")],
        variables: Annotated[JSON | None, strawberry.argument(description="Its variables, an object.")] = None,
        operation_name: Annotated[
            str | None, strawberry.argument(description="Which of its operations; needed where there are several.")
        ] = None,
    ) -> CostPreviewType:
        schema: Any = info.schema
        given: dict[str, Any] = variables if isinstance(variables, dict) else {}
        read = await schema.compiled.read(context_of(info), document)
        meant = operation_of(read, operation_name)
        if isinstance(meant, list):
            raise meant[0]
        check_values(given.values())
        priced = meant.price.of(given)
        return CostPreviewType(
            requested=priced.cost,
            maximum=_MOST_COST,
            allowed=priced.cost <= _MOST_COST,
            fields=[
                FieldCostType(key=(one.node.alias or one.node.name).value, requested=one.cost) for one in priced.roots
            ],
        )
