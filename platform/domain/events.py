"""Events: what happened, and which jobs want to know.

A feature never calls another feature's actions. It emits an event; `Work.emit` writes it to the store's change feed and
enqueues the subscribed jobs in the same transaction, so an effect follows exactly when its cause was committed.
Each subscribed job receives the entity's id as `entity_id`.
"""

from collections.abc import Mapping
from types import MappingProxyType

VEHICLE_DELIVERED = "VehicleDelivered"
VEHICLE_HANDED_OVER = "VehicleHandedOver"
RESPONSE_SUBMITTED = "ResponseSubmitted"
CALL_LOGGED = "CallLogged"
COMPLAINT_RECEIVED = "ComplaintReceived"
COMPLAINT_ACKNOWLEDGED = "ComplaintAcknowledged"
COMPLAINT_CLOSED = "ComplaintClosed"
COMPLAINT_VALIDITY_DECIDED = "ComplaintValidityDecided"
IMPORT_MERGED = "ImportMerged"
EVALUATION_CALCULATED = "EvaluationCalculated"
EVALUATION_APPROVED = "EvaluationApproved"
EVALUATION_PUBLISHED = "EvaluationPublished"
APPEAL_FILED = "AppealFiled"
APPEAL_DECIDED = "AppealDecided"

CONSENT_RECORDED = "ConsentRecorded"
CONTACT_POINT_CHANGED = "ContactPointChanged"

CARE_TASK_CLOSED = "CareTaskClosed"
CARE_TASK_OVERDUE = "CareTaskOverdue"
CARE_TASK_PLANNED = "CareTaskPlanned"
DELIVERY_FORM_RECORDED = "DeliveryFormRecorded"
INVITATION_BOUNCED = "InvitationBounced"
INVITATION_EXPIRED = "InvitationExpired"
INVITATION_PLANNED = "InvitationPlanned"
INVITATION_SENT = "InvitationSent"
INVITATION_SUPPRESSED = "InvitationSuppressed"
RESPONSE_QUARANTINED = "ResponseQuarantined"
RESPONSE_RULED = "ResponseRuled"
SURVEYS_OPTED_OUT = "SurveysOptedOut"

#: event → names of the jobs (dramatiq actors) that follow it
SUBSCRIPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        VEHICLE_DELIVERED: ("care.plan_delivery_call", "surveys.plan_purchase_survey"),
        VEHICLE_HANDED_OVER: ("care.plan_service_follow_up", "surveys.plan_service_survey"),
        RESPONSE_SUBMITTED: ("care.plan_recovery",),
        CALL_LOGGED: ("care.match_call",),
        COMPLAINT_CLOSED: ("surveys.plan_incident_survey",),
    }
)
