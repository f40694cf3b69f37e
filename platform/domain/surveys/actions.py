"""The verbs of surveys, for the doors. Each runs inside a unit of work and commits nothing itself."""

from .answering import Sheet, open_survey, opt_out, record_delivery_form, record_interview, submit_survey
from .planning import plan_incident_survey, plan_purchase_survey, plan_service_survey
from .publishing import change_draft, draft_template, install_seed_templates, move_template
from .ruling import clear_response, quarantine_response, void_response
from .sending import expire_due, prepare_message, record_receipt, remind_due, send_due

__all__ = [
    "Sheet",
    "change_draft",
    "clear_response",
    "draft_template",
    "expire_due",
    "install_seed_templates",
    "move_template",
    "open_survey",
    "opt_out",
    "plan_incident_survey",
    "plan_purchase_survey",
    "plan_service_survey",
    "prepare_message",
    "quarantine_response",
    "record_delivery_form",
    "record_interview",
    "record_receipt",
    "remind_due",
    "send_due",
    "submit_survey",
    "void_response",
]
