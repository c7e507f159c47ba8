"""Where goods on their way are, and the endpoint that is told."""

from __future__ import annotations

import zoneinfo
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, field_validator, model_validator

from scaleinv.config.section import Positive, Probability, Section
from scaleinv.schema.shipping import EventKind

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]

SHORTEST_KEY = 16


def _several(given: Any) -> Any:
    """One text is one secret: an error would repeat it."""
    return (given,) if isinstance(given, str) else given


Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_several)]


def _given(secrets: tuple[SecretStr, ...]) -> tuple[str, ...]:
    return tuple(secret.get_secret_value() for secret in secrets if secret.get_secret_value())


def _long_enough(secrets: tuple[SecretStr, ...], what: str) -> None:
    if any(len(secret) < SHORTEST_KEY for secret in _given(secrets)):
        raise ValueError(f"{what} has fewer than {SHORTEST_KEY} characters: make one with `openssl rand -hex 32`")


class SenderConfig(Section):
    """Who may send events."""

    keys: Secrets
    """Secrets that its signatures may be made with, the new one beside the old one while they change. They come from
    the environment (``${NAME}``, or ``${NAME:-}`` where only the server has it), never from a file."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        _long_enough(self.keys, "a key")
        return self

    def secrets(self) -> tuple[str, ...]:
        """The keys that are set, in plain text."""
        return _given(self.keys)


Field_ = Literal[
    "event_id", "shipment_id", "kind", "event_time", "place", "latitude", "longitude", "eta", "destination",
    "lowest_temperature", "highest_temperature", "carrier", "mode", "origin", "vendor_id", "planned_arrival",
]  # fmt: skip


class WebhookConfig(Section):
    """How the messages of a carrier are read that has a form of its own."""

    sender: Name
    """Whose keys they are signed with."""
    events: str = ""
    """Where the events stand in a message: names with dots between. Empty: the message is one event, or a list."""
    fields: dict[Field_, Annotated[str, Field(min_length=1)]]
    """Our field -> where it stands in an event of theirs: names, and places in lists, with dots between."""
    kinds: dict[str, EventKind] = {}
    """Their code -> what happened. A code that is not here is refused, and kept."""
    default_kind: EventKind | None = None
    """Of an event without a code, as a position is."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        missing = {"shipment_id", "event_time"} - set(self.fields)
        if missing:
            raise ValueError(f"fields lack {sorted(missing)}")
        if "kind" not in self.fields and self.default_kind is None:
            raise ValueError("fields lack kind: name it, or give default_kind")
        return self


class PlaceConfig(Section):
    """A place that events name: a location of ours, or a point on the way."""

    location: str | None = None
    """Its ``location_id``."""
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None


class ArrivalConfig(Section):
    """How the arrival of a shipment is foreseen."""

    max_days: Positive = 120
    """Days on the way that are told apart; and days from today that are looked ahead."""
    min_arrivals: Positive = 20
    """Arrivals of a lane that count as much as all that is known beside it."""
    stuck_share: Probability = 0.02
    """Share of shipments that are held up for reasons their lane knows nothing of."""
    stuck_days: Annotated[float, Field(gt=0)] = 14.0
    """How long these take on the average, whatever time has passed."""
    speed_spread: Annotated[float, Field(gt=0)] = 0.35
    """Standard deviation of the logarithm of the time that is left, as the way that is left foretells it."""
    eta_spread: Annotated[float, Field(gt=0)] = 0.15
    """Standard deviation of what a carrier foresees, as a share of the time from saying so to arrival."""
    news_share: Probability = 0.2
    """Share of shipments of which a lane's past says nothing, as what the carrier foresees or a position then shows."""
    quantile_levels: tuple[Probability, ...] = (0.1, 0.5, 0.9)
    grace_days: Annotated[float, Field(ge=0)] = 1.0
    """Days after the planned arrival that are not yet late."""
    late_probability: Probability = 0.5
    """A shipment that is late with at least this probability is an exception."""
    every_seconds: Annotated[float, Field(gt=0)] | None = 300.0
    """The server makes arrivals anew so often; ``None``: never, `scaleinv shipments update` does."""
    lane_days: Positive = 400
    """Arrivals of so many days say how long a lane takes."""
    ended_days: Positive = 90
    """A shipment that has ended, and of which nothing was heard for so long, is no exception any more."""
    lost_after_days: Positive = 30
    """A shipment that was expected, and nothing was heard of, for so long counts as lost."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(one >= other for one, other in pairwise(self.quantile_levels)):
            raise ValueError("quantile_levels must rise")
        return self


class ShipmentsConfig(Section):
    """Where goods on their way are, and the endpoint that is told."""

    senders: dict[Name, SenderConfig] = {}
    webhooks: dict[Name, WebhookConfig] = {}
    """Carrier -> how its messages are read."""
    places: dict[str, PlaceConfig] = {}
    """Place, as events name it (a GLN, a port) -> where that is."""
    reader_tokens: Secrets = ()
    """Tokens that may read, from the environment."""
    window_seconds: Positive = 300
    """A signature is good for so long, before and after its time."""
    ahead_seconds: Positive = 86_400
    """An event may lie so far in the future: clocks and time zones of others are wrong."""
    time_zone: str = "UTC"
    """Where the shops are, such as ``Europe/Berlin``: the day on which something is expected is a day there."""
    max_body_bytes: Positive = 2_000_000
    max_events: Positive = 1_000
    """Events in one message."""
    max_waiting: Positive = 20_000
    """Events that wait to be written; more are sent away (429)."""
    max_waiting_bytes: Positive = 100_000_000
    """Bytes of messages that are being read, and of events that wait; more are sent away (429)."""
    max_connections: Positive = 1_000
    """Connections and requests at once; more are sent away (503)."""
    body_seconds: Annotated[float, Field(gt=0)] = 20.0
    """A message must be here after so long (408)."""
    arrival: ArrivalConfig = ArrivalConfig()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {name}: name one as in Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _known_senders(self) -> Self:
        _long_enough(self.reader_tokens, "a token")
        unknown = {hook.sender for hook in self.webhooks.values()} - set(self.senders)
        if unknown:
            raise ValueError(f"webhooks name senders without keys: {sorted(unknown)}")
        return self

    def readers(self) -> tuple[str, ...]:
        """The tokens that are set, in plain text."""
        return _given(self.reader_tokens)
