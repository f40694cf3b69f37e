"""Why a sign-in with a provider did not succeed: one stable code per check, and the kind of advice that goes with it."""

from typing import Final, Literal

from ...errors import Refused

#: What a page can advise. The codes stay for administrators.
Kind = Literal["again", "cancelled", "unreachable", "misconfigured", "untrusted"]

_KINDS: Final[dict[Kind, frozenset[str]]] = {
    # begin once more, in this browser
    "again": frozenset({"TRANSACTION_UNKNOWN", "TRANSACTION_EXPIRED", "TRANSACTION_USED", "NO_CODE", "TOKEN_REFUSED"}),
    # the person, or a rule at the provider, said no
    "cancelled": frozenset({"ACCESS_DENIED"}),
    "unreachable": frozenset({"PROVIDER_UNREACHABLE", "PROVIDER_TEMPORARILY_UNAVAILABLE"}),
    # an administrator has to change something, here or there
    "misconfigured": frozenset(
        {
            "METADATA_ALGORITHMS",
            "METADATA_AUTH_METHOD",
            "METADATA_ENDPOINT",
            "METADATA_FORM",
            "METADATA_ISSUER",
            "KEYS_FORM",
            "PROVIDER_ERROR",
            "TOKEN_CLIENT",
        }
    ),
}


class SignInRefused(Refused):
    """A check said no. `code` names the check; neither message nor data hold anything the provider wrote."""

    @property
    def kind(self) -> Kind:
        """Which advice helps. What is not known to be harmless counts as an answer that must not be trusted."""
        return next((kind for kind, codes in _KINDS.items() if self.code in codes), "untrusted")
