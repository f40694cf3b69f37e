"""Which permissions a program may hold, as OAuth 2 scopes (RFC 6749 §3.3): a scope is the permission's own name.

What is not listed is never given to a program, so a permission that is added stays with people until somebody decides.
Left out on purpose:

    four eyes            approve, publish and decide; sign and close; write or publish what others approve: two *people* answer
    judgement            rule on complaints and answers, close a follow-up task, interview a customer
    keys of the house    accounts and clients, settings, replaying jobs: a program must not widen its own rights
    contact data         one by one, with a reason, by somebody who can be asked why; a program could take them all
"""

import re
from typing import Final

from ...errors import Invalid

#: Every scope a client can be given.
FOR_PROGRAMS: Final = frozenset(
    {
        "audit:event:read",
        "benchmark:result:read",
        "benchmark:share:read",
        "care:call:read",
        "care:task:read",
        "complaints:complaint:file",
        "complaints:complaint:read",
        "customers:consent:record",
        "customers:contact:write",
        "customers:customer:read",
        "evaluation:appeal:read",
        "evaluation:kpi:read",
        "evaluation:ledger:read",
        "evaluation:run:read",
        "evaluation:scheme:read",
        "evaluation:scorecard:read",
        "interchange:batch:read",
        "interchange:export:import",
        "interchange:record:write",
        "jobs:dead:read",
        "people:employee:read",
        "sales:order:read",
        "surveys:form:record",
        "surveys:invitation:read",
        "surveys:response:read",
        "surveys:template:read",
        "tenancy:group:read",
        "tenancy:setting:read",
        "workshop:order:read",
    }
)

#: Of these, the ones that are of the whole group: they say something of every store, so a client must see all of them.
OF_GROUP: Final = frozenset({"benchmark:result:read", "jobs:dead:read"})

_LONGEST: Final = 4000
#: scope-token of RFC 6749 §3.3, in the form our permissions have
_TOKENS: Final = re.compile(r"[a-z_]+:[a-z_]+:[a-z_]+( [a-z_]+:[a-z_]+:[a-z_]+)*")


def chosen_scopes(names: list[str], *, of_group: bool) -> list[str]:
    """The scopes of a new or changed client, sorted, each once; ``of_group``: it sees every store.

    Raises:
        Invalid: none at all, or one that no program may hold, or no program of some stores.
    """
    kept = sorted(set(names))
    if not kept:
        raise Invalid("a client needs a scope", path=("scopes",))
    for name in kept:
        if name not in FOR_PROGRAMS:
            raise Invalid("no program may hold this scope", path=("scopes",), scope=name[:100])
        if name in OF_GROUP and not of_group:
            raise Invalid("this scope is of the whole group: leave out the stores", path=("scopes",), scope=name)
    return kept


def narrowed(asked: str | None, held: frozenset[str]) -> frozenset[str] | None:
    """What a token is issued for: everything the client holds, or what it asks for; None when it asks for something else."""
    if not asked:
        return held
    if len(asked) > _LONGEST or not _TOKENS.fullmatch(asked):
        return None
    wanted = frozenset(asked.split(" "))
    return wanted if wanted <= held else None
