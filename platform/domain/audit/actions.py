"""What is done with the audit itself: anchoring the heads of its chains, keeping what a check found."""

from collections.abc import Sequence
from uuid import UUID

from ...errors import Invalid
from ...tenancy.ids import new_id
from ..audit_chain import Verified
from ..feed import AuditAnchor, AuditVerification
from ..wording import reason as stated
from ..work import GroupWork
from .reads import anchor_digest
from .verify import ANCHOR, Head

VERIFY = "audit:chain:verify"


async def anchor(work: GroupWork, heads: Sequence[Head]) -> UUID:
    """Keep the heads of the group's chains where no store can change them. Returns the id of this round.

    The group's chain vouches for the round: its event holds a digest of the anchors.
    """
    work.require(VERIFY)
    run_id = new_id()
    for head in heads:
        work.session.add(
            AuditAnchor(
                id=new_id(),
                group_id=work.group.id,
                store_id=head.store_id,
                run_id=run_id,
                seq=head.seq,
                hash=head.hash,
                at=work.now,
            )
        )
    digest = anchor_digest((head.store_id, head.seq, head.hash) for head in heads)
    if heads:
        work.audit(ANCHOR, "AuditAnchor", run_id, after={"chains": len(heads), "digest": digest})
    return run_id


async def record_verification(work: GroupWork, verified: Verified) -> AuditVerification:
    """Keep what a check of a chain found; a broken chain is an event of the group's audit.

    Raises:
        Invalid: the chain is another group's.
    """
    work.require(VERIFY)
    own = verified.chain.kind == "group"
    if own and verified.chain.id != work.group.id:
        raise Invalid("the chain is not this group's")
    row = AuditVerification(
        id=new_id(),
        group_id=work.group.id,
        store_id=None if own else verified.chain.id,
        at=work.now,
        rows=verified.rows,
        last_seq=verified.last,
        first_bad=verified.first_bad,
        fault_count=verified.fault_count,
        faults=[{"kind": one.kind, "seq": one.seq, "detail": one.detail} for one in verified.faults],
    )
    work.session.add(row)
    if not verified.ok:
        kinds = sorted({one.kind for one in verified.faults})
        after = {"first_bad": verified.first_bad, "faults": verified.fault_count, "kinds": kinds}
        work.audit("audit.broken", "Group" if own else "Store", verified.chain.id, after=after)
    return row


async def request_verification(work: GroupWork, *, reason: str) -> None:
    """Ask for anchors and a check of every chain of the group now.

    Raises:
        Refused: REASON_NEEDED.
    """
    work.require(VERIFY)
    why = stated(reason)
    work.enqueue("audit.daily", dedupe_key=f"audit:daily:{work.group.id}")
    work.audit("audit.request_verification", "Group", work.group.id, reason=why)
