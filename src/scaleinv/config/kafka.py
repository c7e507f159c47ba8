"""The options of a source that is a Kafka topic; Azure Event Hubs' Kafka endpoint is one by its ``options`` alone."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field, SecretStr, StringConstraints

from scaleinv.config.section import Positive, Section

_OURS: Final = {"kafka.bootstrap.servers", "kafka.auto.offset.reset", "kafka.enable.auto.commit"}


def _of_the_client(name: str) -> str:
    if not name.startswith("kafka."):
        raise ValueError("options are those of Kafka's own client, with `kafka.` before the name")
    if name in _OURS:
        raise ValueError("scaleinv sets this one itself")
    return name


class KafkaConfig(Section):
    """Which topics to read, from which brokers, from where on, and in how large steps."""

    bootstrap_servers: Annotated[str, Field(min_length=1)]
    """``host:port``, several separated by commas."""
    topics: Annotated[tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")], ...], Field(min_length=1)]
    options: dict[Annotated[str, AfterValidator(_of_the_client)], SecretStr] = {}
    """Options of Kafka's own client with ``kafka.`` before their names (``kafka.security.protocol`` …). Secrets come
    from the environment (``${NAME}``), never from a file; no value is ever shown."""
    starting: Literal["earliest", "latest"] | AwareDatetime = "earliest"
    """Where the first run begins: at the oldest message, after the newest, or at the first one not older than a moment
    (with its time zone). Later runs go on where the last one ended."""
    max_offsets_per_trigger: Positive = 1_000_000
    """Messages in one batch at the most. A batch has a fixed cost of some seconds: few large ones are quicker."""
    trigger_seconds: Annotated[float, Field(gt=0)] = 60.0
    """``--follow``: a batch starts this often, where there is something new."""
    on_data_loss: Literal["fail", "skip"] = "fail"
    """Messages that the broker removed before they were read: stop, or go on with the oldest that is left."""

    def client_options(self) -> dict[str, str]:
        """Options of Kafka's client in plain text, ``kafka.`` before each name.

        What a producer wrote and then aborted is not read, unless the configuration asks for it.
        """
        given = {name: value.get_secret_value() for name, value in self.options.items()}
        return {"kafka.isolation.level": "read_committed", **given, "kafka.bootstrap.servers": self.bootstrap_servers}
