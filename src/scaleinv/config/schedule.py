"""How often models are trained and forecasts made: a cadence for each velocity class (``conf/schedule.yaml``)."""

from __future__ import annotations

from typing import Any, Final, Literal

from scaleinv.config.section import Positive, Section, Share

Cadence = Literal["daily", "weekly", "monthly"] | Positive
"""Or a number of days."""
_DAYS: Final = {"daily": 1, "weekly": 7, "monthly": 28}
"""A month of whole weeks: each group is trained on the same day of the week."""


class ClassSchedule(Section):
    """Of one velocity class."""

    train: Cadence = "daily"
    """A model as old as this is trained anew."""
    forecast: Cadence = "daily"
    """A forecast as old as this is due. A night forecasts all; this says when one has to be run at all."""

    @property
    def train_days(self) -> int:
        """Days between two trainings."""
        return _days(self.train)

    @property
    def forecast_days(self) -> int:
        """Days between two forecasts."""
        return _days(self.forecast)


class ScheduleConfig(Section):
    """Which groups are trained tonight."""

    reuse: bool = False
    """A group whose model is younger than its cadence keeps it (``scaleinv run --due`` turns this on); else every group
    is trained every night."""
    share: Share = 0.2
    """A group has the shortest cadence of the classes that make up at least this share of its series."""
    classes: dict[Literal["fast", "medium", "slow"], ClassSchedule] = {}
    """Velocity class -> its cadences; one that is not named is daily."""

    def of(self, velocity_class: str) -> ClassSchedule:
        """The cadences of a class."""
        return self.classes.get(velocity_class, ClassSchedule())  # type: ignore[call-overload,no-any-return]

    @property
    def longest(self) -> int:
        """Days between two trainings of the class that is trained least often."""
        return max((one.train_days for one in self.classes.values()), default=1)

    @property
    def rule(self) -> dict[str, Any] | None:
        """What a night's models depend on; ``None``: nothing, all are trained."""
        return self.model_dump(mode="json") if self.reuse else None


def _days(cadence: Cadence) -> int:
    return cadence if isinstance(cadence, int) else _DAYS[cadence]
