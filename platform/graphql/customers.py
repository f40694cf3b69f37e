"""Mutations of customers 客户: contact data revealed and changed, consents recorded."""

from typing import Any

import strawberry

from ..domain.customers import actions
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .services import named, store_work

USER_ERRORS = {
    "CONTACT_EXISTS": Saying("该客户已有此联系方式。", "The customer has this contact already."),
}


@strawberry.input(description="Which contact point, and why it has to be seen.")
class RevealContactInput:
    """Input of revealContact."""

    id: strawberry.ID = strawberry.field(description="Id of the contact point 联系方式.")
    reason: str = strawberry.field(description="Why, up to 500 characters; it is audited 查看理由.")


async def _reveal(context: Context, given: Any) -> Done:
    store, contact_id = await context.resolve(given.id, "ContactPoint")
    async with store_work(context, store) as work:
        value = await actions.reveal_contact(work, contact_id, reason=given.reason)
    return Done(store, {"contactPoint": contact_id}, {"value": value})


@strawberry.input(description="A phone number or address to add, or to put in the place of another.")
class ChangeContactInput:
    """Input of changeContact."""

    customer_id: strawberry.ID = strawberry.field(description="Id of the customer 客户.")
    kind: str = strawberry.field(description="PHONE 电话, EMAIL 电子邮件 or WECHAT 微信.")
    value: str = strawberry.field(description="The number or address; kept encrypted, shown masked.")
    replaces_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the contact point it replaces; without: it is added 替换."
    )
    primary: bool = strawberry.field(default=True, description="The one of its kind to use first 首选.")
    reason: str | None = strawberry.field(
        default=None, description="Why, up to 500 characters; needed after a delivery 变更理由."
    )
    expected_version: int | None = strawberry.field(
        default=None,
        description="Version last read of the replaced contact point, else of the customer; another is STALE_VERSION.",
    )


async def _change(context: Context, given: Any) -> Done:
    store, customer_id = await context.resolve(given.customer_id, "Customer")
    replaces_id = named(store, given.replaces_id, "ContactPoint")
    async with store_work(context, store) as work:
        contact_id = await actions.change_contact(
            work,
            customer_id,
            kind=given.kind,
            value=given.value,
            replaces_id=replaces_id,
            primary=given.primary,
            reason=given.reason,
            expected_version=given.expected_version,
        )
    return Done(store, {"contactPoint": contact_id, "customer": customer_id})


@strawberry.input(description="A consent that a customer gave or withdrew, with its evidence.")
class RecordConsentInput:
    """Input of recordConsent."""

    customer_id: strawberry.ID = strawberry.field(description="Id of the customer 客户.")
    purpose: str = strawberry.field(description="SURVEY 调查, MARKETING 营销 or CONTACT 联系.")
    decision: str = strawberry.field(description="GIVEN 同意 or WITHDRAWN 撤回.")
    text_version: str = strawberry.field(description="Version of the text that the customer saw, up to 100 characters.")
    channel: str = strawberry.field(description="PAPER, PHONE, SMS, EMAIL, WECHAT, WEB or FACE_TO_FACE 渠道.")
    evidence: str = strawberry.field(description="Where the proof is, up to 500 characters 凭证.")
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read of the customer; another one is refused as STALE_VERSION."
    )


async def _consent(context: Context, given: Any) -> Done:
    store, customer_id = await context.resolve(given.customer_id, "Customer")
    async with store_work(context, store) as work:
        await actions.record_consent(
            work,
            customer_id,
            purpose=given.purpose,
            decision=given.decision,
            text_version=given.text_version,
            channel=given.channel,
            evidence=given.evidence,
            expected_version=given.expected_version,
        )
    return Done(store, {"customer": customer_id})


MUTATIONS = (
    Mutation(
        name="revealContact",
        description="See a full phone number or address; every time is audited 查看联系方式. Needs customers:contact:reveal.",
        input=RevealContactInput,
        run=_reveal,
        shows={"contactPoint": "ContactPoint"},
        values={"value": (str, "The full value, this once; everywhere else it is masked 完整联系方式.")},
    ),
    Mutation(
        name="changeContact",
        description="Add or replace a phone number or address 变更联系方式. Needs customers:contact:write.",
        input=ChangeContactInput,
        run=_change,
        shows={"contactPoint": "ContactPoint", "customer": "Customer"},
    ),
    Mutation(
        name="recordConsent",
        description="Record a consent given or withdrawn 登记授权. Needs customers:consent:record.",
        input=RecordConsentInput,
        run=_consent,
        shows={"customer": "Customer"},
    ),
)
