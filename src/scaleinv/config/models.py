"""Every option of scaleinv, with its default, its unit and what it steers.

Models are frozen and refuse unknown keys. Each room takes its own section, never the whole configuration.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator

from scaleinv.config.delivery import DeliveryConfig
from scaleinv.config.drift import DriftConfig
from scaleinv.config.exceptions import ExceptionsConfig
from scaleinv.config.export import ExportConfig
from scaleinv.config.forecast import EvaluationConfig, ExplainConfig, ForecastConfig, HierarchyConfig
from scaleinv.config.limits import CalendarConfig, LoadConfig, OrderLimits, StockLimits
from scaleinv.config.maintain import MaintainConfig
from scaleinv.config.orderbook import OrderBookConfig
from scaleinv.config.registry import RegistryConfig
from scaleinv.config.rules import ApprovalConfig, RuleConfig, capacity_rules, check_rules
from scaleinv.config.schedule import ScheduleConfig
from scaleinv.config.section import Positive, Probability, Section, Share
from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.config.sources import SourceConfig
from scaleinv.config.tracking import TrackingConfig
from scaleinv.config.vendors import VendorsConfig
from scaleinv.config.watch import LineageConfig, LoggingConfig, MetricsConfig

# --- where things are ---------------------------------------------------------------------------------------------


class LakeConfig(Section):
    """Where the Delta Lake is."""

    root: str
    """Folder or object-store prefix (``s3a://``, ``abfss://``, ``gs://``)."""
    storage_options: dict[str, SecretStr] = {}
    """What every engine must know of the object store (``aws_region``, ``aws_endpoint_url``, …), in delta-rs' names.
    A secret is a reference to the environment (``${NAME}``)."""

    def store_options(self) -> dict[str, str]:
        """``storage_options`` as they are, by names in small letters."""
        return {name.lower(): value.get_secret_value() for name, value in self.storage_options.items()}


FORMAT_PACKAGES: Final[dict[str, str]] = {
    "kafka": "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0",
    "avro": "org.apache.spark:spark-avro_2.13:4.2.0",
    "jdbc": "org.postgresql:postgresql:42.7.8",
}
"""Format of a source -> Maven coordinates that it needs beside ``SparkConfig.packages``."""

S3_PACKAGES: Final = (
    "org.apache.hadoop:hadoop-aws:3.5.0",
    *(f"software.amazon.awssdk:{name}:2.35.4" for name in ("s3", "s3-transfer-manager", "sts")),
)
"""What a lake on S3 needs: the connector of Spark's own Hadoop, and what it uses of AWS's SDK."""


class SparkConfig(Section):
    """The Spark session. Under ``spark-submit`` master, memory and jars are the cluster's business."""

    master: str | None = "local[2]"
    """``None``: what ``spark-submit`` says."""
    driver_memory: str = "4g"
    shuffle_partitions: Positive = 4
    packages: tuple[str, ...] = ("io.delta:delta-spark_4.2_2.13:4.4.0",)
    """Maven coordinates; resolved once by Ivy, then taken from the cache."""
    ivy_settings: str | None = None
    """Path of an ``ivysettings.xml``, where a company has its own mirror."""
    options: dict[str, str] = {}
    """Any further Spark option, as it is (object-store credentials: refer to the environment)."""


class RayConfig(Section):
    """The Ray cluster that groups are fanned out on."""

    address: str | None = None
    """``None``: start one on this machine; ``auto``: the cluster that ``ray job submit`` runs on."""
    num_workers: Positive = 2
    """Warm actors."""
    cpus_per_worker: Positive = 1
    """Also the number of threads a worker computes with."""
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0.0
    """A fraction shares one GPU among workers."""
    labels: dict[str, str] = {}
    """Labels that a node must have for a worker to be placed on it (``{ray.io/node-group: gpu}``); none: any node."""
    max_attempts: Positive = 3
    """Tries per group before it counts as failed."""
    task_timeout: Annotated[float, Field(gt=0)] | None = 10_800.0
    """Seconds after which a group is given up for this run, and its worker replaced; ``None``: never."""
    object_store_mb: Positive = 200
    optimize: bool = False
    """Policies are made on Ray, too, which is quicker on several machines; they are the same."""


# --- sources --------------------------------------------------------------------------------------------------------


class LeadTimeConfig(Section):
    """A discrete lead-time distribution: ``weights[i]`` belongs to ``days[i]``."""

    days: tuple[Positive, ...]
    weights: tuple[Annotated[float, Field(gt=0)], ...]

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(self.days) != len(self.weights) or not self.days:
            raise ValueError(f"days ({len(self.days)}) and weights ({len(self.weights)}) must be as many, at least one")
        return self


class Assumptions(Section):
    """What a sales-only data set does not say. Everything that scaleinv makes up for M5 stands here."""

    lead_times: dict[str, LeadTimeConfig]
    """Category -> distribution; there is one vendor per department."""
    review_period: Positive = 1
    opening_stock_days: Annotated[float, Field(gt=0)] = 10.0
    """Stock at as_of: this many days of recent mean sales."""
    unit_cost_share: Share = 0.7
    """Cost of a unit as a share of its latest price."""
    order_multiple: dict[str, Positive] = {}
    """Category -> pack size; 1 where not named."""
    min_order_quantity: dict[str, Positive] = {}
    """Category -> MOQ; the pack size where not named."""
    old_levels_age: Annotated[int, Field(ge=0)] = 28
    """The old policy's levels are this many days old at as_of: made of the sales before the hold-out, not of it."""
    old_reorder_days: Annotated[float, Field(gt=0)] = 9.0
    """The old policy's reorder point: this many days of mean sales."""
    old_cover_days: Annotated[float, Field(gt=0)] = 14.0
    """The old policy's order-up-to level: this many days of mean sales."""
    currency: str = "USD"


class M5Config(Section):
    """Which part of Walmart's M5 to read, as its owner published it."""

    sales: Literal["full_history_subset", "recent_all_series"] = "full_history_subset"
    stores: tuple[str, ...] = ()
    """Empty: all."""
    departments: tuple[str, ...] = ()
    """Empty: all."""
    assumptions: Assumptions


class IngestConfig(Section):
    """From the retailer's files to ``silver``."""

    data: str
    """The data folder; ``${SCALEINV_DATA}`` refers to the environment."""
    contracts: str | None = None
    """Folder of ``conf/sources`` whose files are contracts: ``<source>.yaml``, read as ``sources.<source>``."""
    sources: dict[str, SourceConfig] = {}
    """Source -> its contract."""
    m5: M5Config | None = None
    """Read M5's published layout instead of ``sources``."""
    max_quarantine_share: Share = 0.05
    """More bad rows than this in any source stop the load."""
    max_duplicate_share: Share = 0.05
    """More sales lines than this that equal another one in every column stop the load: a till that writes no receipt
    number sells the same thing twice a day, and these sales would be lost."""
    drift: DriftConfig = DriftConfig()
    registry: RegistryConfig = RegistryConfig()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.sources) == (self.m5 is not None):
            raise ValueError("give either `sources` or `m5`, and not both")
        foreign = [name for name, source in self.sources.items() if source.system != "own"]
        if foreign and not self.registry.enabled:
            raise ValueError(f"sources with codes of another `system` need the registry: {', '.join(foreign)}")
        return self


class SyntheticConfig(Section):
    """The seeded retailer that the demo, the tests and the benchmarks use."""

    seed: int = 7
    n_skus: Positive = 100
    n_locations: Positive = 10
    n_vendors: Positive = 8
    start: date = date(2022, 1, 1)
    n_days: Annotated[int, Field(ge=56)] = 730
    warmup_days: Positive = 60
    """Days simulated before ``start`` so that stock is in its steady state."""
    future_days: Positive = 60
    """Days after the last sale for which prices, promotions and events are announced."""


# --- features ------------------------------------------------------------------------------------------


class FeaturesConfig(Section):
    """From ``silver`` to the panel."""

    history_days: Positive = 1095
    """Days before as_of that the panel holds."""
    rebuild_after_days: Annotated[int, Field(ge=0)] = 28
    """For so many days a night's panel is kept as what differs from an earlier one; 0: each is written as a whole."""
    min_receipts: Positive = 30
    """Deliveries of a vendor that are needed before they replace the lead times that it quotes."""
    closed_days: Annotated[int, Field(ge=0)] = 0
    """Last days before as_of without a single sale that may be taken for closed shops; more are a missing delivery."""
    max_lead_time: Positive = 60
    """Longer deliveries count as this long."""
    max_group_size: Positive = 5000
    """Series per training group; a larger category is split by a hash of the series."""
    group_by: Literal["category", "department", "cluster"] = "category"
    """``cluster``: series that sell alike, whatever they are."""
    clusters: Positive = 8
    cluster_sample: Positive = 20_000
    """Series at most that centres of clusters are found from."""

    def first_day(self, as_of: date) -> date:
        """The first day that the panel of ``as_of`` may hold."""
        return as_of - timedelta(days=self.history_days - 1)


# --- orders ---------------------------------------------------------------------------------------------------------


class ServiceTarget(Section):
    """Exactly one promise: a cycle service level or a fill rate."""

    cycle_service_level: Probability | None = None
    fill_rate: Probability | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.cycle_service_level is None) == (self.fill_rate is None):
            raise ValueError("give either cycle_service_level or fill_rate")
        return self

    @property
    def kind(self) -> Literal["cycle_service_level", "fill_rate"]:
        """Which of the two it is."""
        return "fill_rate" if self.fill_rate is not None else "cycle_service_level"

    @property
    def value(self) -> float:
        """The promise itself, 0 … 1."""
        value = self.fill_rate if self.fill_rate is not None else self.cycle_service_level
        assert value is not None
        return value


class InventoryConfig(Section):
    """Safety stock, reorder point, order quantity."""

    method: Literal["quantile", "root", "seed"] = "quantile"
    targets: dict[Literal["A", "B", "C"], ServiceTarget]
    """ABC class -> promise."""
    policy_table: str | None = None
    """A CSV file of other promises: per SKU, location, vendor, category … (docs/optimizer.md); ``None``: none."""
    n_samples: Annotated[int, Field(ge=50)] = 400
    """Samples of protection demand per series."""
    holding_rate: Annotated[float, Field(gt=0)] = 0.25
    """Cost of holding one unit of money in stock for a year."""
    ordering_cost: Annotated[float, Field(ge=0)] = 1.0
    """Cost of one order line, in the retailer's currency."""
    max_cover_days: Positive = 14
    """An economic order quantity covers no more days than this."""
    whole_units: Literal["up", "even"] = "up"
    """``up``: a reorder point is rounded up, so that each series keeps its promise. ``even``: up or down, always the
    same way for a series, so that all series together keep it; slow movers then need less stock."""
    limits: StockLimits = StockLimits()
    calendars: dict[str, CalendarConfig] = {}
    """Vendor -> its calendar."""
    seed: int = 7

    @model_validator(mode="after")
    def _every_class(self) -> Self:
        missing = [name for name in ("A", "B", "C") if name not in self.targets]
        if missing:
            raise ValueError(f"targets lack the ABC classes {missing}")
        return self


class ReplenishConfig(Section):
    """From policy and stock position to orders."""

    max_rounding_ratio: Annotated[float, Field(ge=1)] = 5.0
    """An order rounded up to more than this many times the need becomes an exception as well."""
    max_stock_age_days: Positive = 7
    """Days; an older stock record is not ordered by but named."""
    rounding: Literal["up", "expected_cost"] = "up"
    """``up``: to whole packs above the need. ``expected_cost``: to whole packs (and ``loads``) above or below it,
    whichever is expected to cost less in lost margin, stock and handling."""
    loads: tuple[LoadConfig, ...] = ()
    """Layers, pallets … that ``expected_cost`` also rounds to, from small to large, each a multiple of the last."""
    pack_handling_cost: Annotated[float, Field(ge=0)] = 0.0
    """Money to handle one pack, beside ``loads``."""
    goodwill: Annotated[float, Field(ge=0)] = 0.0
    """What a unit short costs beside its margin, as a share of its price."""
    late_line_cost: Annotated[float, Field(ge=0)] = 0.0
    """Money that a late order line costs beside what is short: calls, a second delivery; for the choice of vendors."""
    price_breaks: Literal["all_units", "incremental"] = "all_units"
    """What a price break (``silver/price_breaks``) is of: of all units of the order, or of those above it only."""
    limits: OrderLimits = OrderLimits()
    transfer_days: Annotated[int, Field(ge=0)] = 3
    """Nights for which a proposed transfer counts, unless the ERP's list has it or a person has closed it; 0: none."""
    rules: tuple[RuleConfig, ...] = ()
    """What is done otherwise than by the base rule (docs/replenishment.md)."""
    approval: ApprovalConfig = ApprovalConfig()
    exceptions: ExceptionsConfig = ExceptionsConfig()

    @property
    def every_rule(self) -> tuple[RuleConfig, ...]:
        """The rules, and those that limits of approval and what vendors can deliver are."""
        return (*self.rules, *self.approval.rules(), *capacity_rules(self.exceptions.vendor_capacity))

    @model_validator(mode="after")
    def _rules_fit(self) -> Self:
        check_rules(self.rules)
        return self

    @model_validator(mode="after")
    def _loads_fit(self) -> Self:
        packs = [1, *(load.packs for load in self.loads)]
        if any(large % small for small, large in pairwise(packs)):
            raise ValueError(f"each of loads must hold a whole number of the one before, found packs {packs[1:]}")
        return self


class Config(Section):
    """The whole configuration of one environment."""

    env: str
    retailer: str = "retailer"
    """Part of every order key, so that two retailers on one ERP never share one."""
    lake: LakeConfig
    spark: SparkConfig = SparkConfig()
    ray: RayConfig = RayConfig()
    synthetic: SyntheticConfig | None = None
    """Where given, missing sources are made by the synthetic retailer."""
    ingest: IngestConfig
    features: FeaturesConfig = FeaturesConfig()
    forecast: ForecastConfig = ForecastConfig()
    explain: ExplainConfig = ExplainConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    hierarchy: HierarchyConfig = HierarchyConfig()
    inventory: InventoryConfig
    replenish: ReplenishConfig = ReplenishConfig()
    vendors: VendorsConfig = VendorsConfig()
    orderbook: OrderBookConfig = OrderBookConfig()
    export: ExportConfig
    delivery: DeliveryConfig = DeliveryConfig()
    shipments: ShipmentsConfig = ShipmentsConfig()
    tracking: TrackingConfig = TrackingConfig()
    maintain: MaintainConfig = MaintainConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    logging: LoggingConfig = LoggingConfig()
    metrics: MetricsConfig = MetricsConfig()
    lineage: LineageConfig = LineageConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.evaluation.holdout_days > self.forecast.horizon:
            raise ValueError(
                f"evaluation.holdout_days {self.evaluation.holdout_days} is longer than "
                f"forecast.horizon {self.forecast.horizon}: the hold-out is forecast in one go"
            )
        if self.schedule.reuse and self.schedule.longest >= self.maintain.keep_nights:
            raise ValueError(
                f"maintain.keep_nights {self.maintain.keep_nights} is not longer than schedule's longest cadence of "
                f"training, {self.schedule.longest} days: models would be gone before they are old"
            )
        return self
