"""Documents that come back, to answers about orders: nothing is guessed, nothing is taken twice, nothing is lost."""

from scaleinv.erp.answers.acknowledge import functional_acknowledgement
from scaleinv.erp.answers.controls import edifact_control, idoc_control, x12_control
from scaleinv.erp.answers.partners import Partners, partners_of
from scaleinv.erp.answers.read import read_answers
from scaleinv.erp.answers.sent import sent_controls
from scaleinv.erp.answers.statement import OrdersOf, Refused

__all__ = [
    "OrdersOf",
    "Partners",
    "Refused",
    "edifact_control",
    "functional_acknowledgement",
    "idoc_control",
    "partners_of",
    "read_answers",
    "sent_controls",
    "x12_control",
]
