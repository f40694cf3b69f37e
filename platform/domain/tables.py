"""Every table of Forecourt, imported so that the metadata of `tenancy/base.py` is whole (migrations, provisioning)."""

from ..auth import local_model as _local
from ..auth import model as _auth
from ..auth import view_as as _view_as
from ..auth.oauth import model as _oauth
from ..auth.oidc import model as _oidc
from ..auth.scim import model as _scim
from ..tenancy import budgets as _budgets
from ..tenancy import control as _control
from ..tenancy import idempotency as _idempotency
from ..tenancy import queue_tables as _queue
from . import feed as _feed
from .benchmark import model as _benchmark
from .care import model as _care
from .complaints import model as _complaints
from .customers import model as _customers
from .evaluation import model as _evaluation
from .interchange import model as _interchange
from .people import model as _people
from .sales import model as _sales
from .surveys import model as _surveys
from .workshop import model as _workshop

MODULES = (
    _budgets,
    _auth,
    _queue,
    _benchmark,
    _care,
    _complaints,
    _control,
    _customers,
    _evaluation,
    _feed,
    _idempotency,
    _interchange,
    _oauth,
    _local,
    _oidc,
    _people,
    _sales,
    _scim,
    _surveys,
    _view_as,
    _workshop,
)
