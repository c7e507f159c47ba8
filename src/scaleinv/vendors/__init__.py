"""What is known of vendors: how long they take, how often they are late or short, and what that costs."""

from scaleinv.vendors.chance import ChanceModel, Event, fit_chance, mean_shortfall
from scaleinv.vendors.lead_time_model import LeadTimeModel, Options, fit_lead_times
from scaleinv.vendors.orders import NEVER, Orders
from scaleinv.vendors.scorecard import scorecards

__all__ = [
    "NEVER",
    "ChanceModel",
    "Event",
    "LeadTimeModel",
    "Options",
    "Orders",
    "fit_chance",
    "fit_lead_times",
    "mean_shortfall",
    "scorecards",
]
