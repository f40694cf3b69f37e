"""Every entity of a store that can be read."""

from ..tenancy.reader.entity import Entities
from . import feed_entity as feed
from .care import entity as care
from .complaints import entity as complaints
from .customers import entity as customers
from .evaluation import card_entity as cards
from .evaluation import entity as evaluation
from .interchange import entity as interchange
from .people import entity as people
from .sales import entity as sales
from .surveys import entity as surveys
from .workshop import entity as workshop

ENTITIES = Entities(
    *people.ENTITIES,
    *customers.ENTITIES,
    *sales.ENTITIES,
    *workshop.ENTITIES,
    *care.ENTITIES,
    *surveys.ENTITIES,
    *complaints.ENTITIES,
    *evaluation.ENTITIES,
    *cards.ENTITIES,
    *interchange.ENTITIES,
    *feed.ENTITIES,
)
