"""Scenarios of ``scaleinv whatif``: what could be otherwise, each with a name."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from scaleinv.config.limits import Money
from scaleinv.config.load import read_yaml, readable
from scaleinv.config.models import ServiceTarget
from scaleinv.config.section import Positive, Probability, Section
from scaleinv.errors import ConfigError, explain

Above0 = Annotated[float, Field(gt=0)]


class Which(Section):
    """Series that a change is about: those that match all that is given; nothing given: all."""

    sku: tuple[str, ...] = ()
    location: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    vendor: tuple[str, ...] = ()


class Factor(Section):
    """A price or a cost, times this."""

    factor: Above0
    which: Which = Which()


class Demand(Factor):
    """Demand times this, on some days."""

    first_day: date | None = None
    """``None``: from tomorrow on."""
    last_day: date | None = None
    """Inclusive; ``None``: to the end of the forecast."""


class Delay(Section):
    """A vendor needs more days, or delivers nothing for some days."""

    vendors: tuple[str, ...] = ()
    """Empty: all."""
    days: Positive


class Scenario(Section):
    """What is otherwise, all at once."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    demand: tuple[Demand, ...] = ()
    delays: tuple[Delay, ...] = ()
    """Lead times are longer by so many days."""
    outages: tuple[Delay, ...] = ()
    """Nothing comes within so many days from tonight; what would have comes when they are over."""
    prices: tuple[Factor, ...] = ()
    costs: tuple[Factor, ...] = ()
    targets: dict[Literal["A", "B", "C"], ServiceTarget] = {}
    """ABC class -> promise; classes not named keep theirs."""
    budget: Money | None = None
    """Money at unit cost for tonight's orders."""


class Sweep(Section):
    """The same promise for all classes, at several levels: the trade-off of service against stock."""

    kind: Literal["fill_rate", "cycle_service_level"] = "fill_rate"
    targets: Annotated[tuple[Probability, ...], Field(min_length=1)]

    @property
    def scenarios(self) -> list[Scenario]:
        """One for each level."""
        promises = [(value, ServiceTarget.model_validate({self.kind: value})) for value in self.targets]
        return [
            Scenario(name=f"{self.kind} {value:g}", targets={"A": promise, "B": promise, "C": promise})
            for value, promise in promises
        ]


class Scenarios(Section):
    """One file."""

    scenarios: tuple[Scenario, ...] = ()
    sweeps: tuple[Sweep, ...] = ()

    @property
    def every(self) -> tuple[Scenario, ...]:
        """Those of the sweeps, too."""
        return (*self.scenarios, *(one for sweep in self.sweeps for one in sweep.scenarios))

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [scenario.name for scenario in self.every]
        if not names:
            raise ValueError("give at least 1 of scenarios or sweeps")
        if len({*names, "as it is"}) <= len(names):
            raise ValueError(f"scenarios need names of their own, and not 'as it is', found {names}")
        return self


def load_scenarios(path: Path) -> tuple[Scenario, ...]:
    """The scenarios of a YAML file.

    Raises:
        ConfigError: it is not there, is no YAML, or a key or value is not what it should be.
    """
    if not path.is_file():
        raise ConfigError(explain("there is no such file of scenarios", found=path, do="name a YAML file"))
    try:
        return Scenarios.model_validate(read_yaml(path)).every
    except ValidationError as error:
        raise ConfigError(readable(error, f"{path}", "the file")) from None
