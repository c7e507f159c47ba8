"""Every option of scaleinv, with its default, its unit and what it steers.

Models are frozen and refuse unknown keys. Each room takes its own section, never the whole configuration.
"""

from __future__ import annotations

from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from scaleinv.config.drift import DriftConfig
from scaleinv.config.maintain import MaintainConfig
from scaleinv.config.registry import RegistryConfig
from scaleinv.config.section import Positive, Probability, Section, Share
from scaleinv.config.sources import SourceConfig
from scaleinv.schema.words import PROPHET, ClassicalName, StatsName, TrainedName

# --- where things are ---------------------------------------------------------------------------------------------


class LakeConfig(Section):
    """Where the Delta Lake is."""

    root: str
    """Folder or object-store prefix (``s3a://``, ``abfss://``, ``gs://``)."""
    storage_options: dict[str, str] = {}
    """Passed to delta-rs and pyarrow; secrets come from the environment (``${NAME}``), never from a file."""


FORMAT_PACKAGES: Final[dict[str, str]] = {
    "kafka": "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0",
    "avro": "org.apache.spark:spark-avro_2.13:4.2.0",
    "jdbc": "org.postgresql:postgresql:42.7.8",
}
"""Format of a source -> Maven coordinates that it needs beside ``SparkConfig.packages``."""


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
    max_attempts: Positive = 3
    """Tries per group before it counts as failed."""
    task_timeout: Annotated[float, Field(gt=0)] | None = 10_800.0
    """Seconds after which a group is given up for this run, and its worker replaced; ``None``: never."""
    object_store_mb: Positive = 200


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
    n_days: Annotated[int, Field(ge=120)] = 730
    warmup_days: Positive = 60
    """Days simulated before ``start`` so that stock is in its steady state."""
    future_days: Positive = 60
    """Days after the last sale for which prices, promotions and events are announced."""


# --- features and forecast ------------------------------------------------------------------------------------------


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


class SamplingConfig(Section):
    """Which windows a network sees more often. By default all windows are alike."""

    value_exponent: Annotated[float, Field(ge=0, le=1)] = 0.0
    """A series is drawn in proportion to its mean daily sales value to this power."""
    sale_share_exponent: Annotated[float, Field(ge=0, le=1)] = 0.0
    """And to the share of its days with a sale to this power: what never sells teaches little."""
    half_life: Positive | None = None
    """Days; a window that starts so much earlier is half as likely."""


class TrainingConfig(Section):
    """How one network is trained; the number of steps is fixed, never the time, so that a rerun gives the same."""

    hidden_size: Positive = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    batch_size: Positive = 128
    batches_per_epoch: Positive = 100
    """An upper bound; a small group has fewer."""
    max_epochs: Positive = 20
    patience: Positive = 4
    """Epochs without a better validation loss before stopping."""
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    sampling: SamplingConfig = SamplingConfig()


class LstmConfig(TrainingConfig):
    """DeepAR: an autoregressive LSTM with a negative binomial output."""

    layers: Positive = 2


class TftConfig(TrainingConfig):
    """Temporal Fusion Transformer with quantile outputs.

    A step costs three times the LSTM's: small, with a high rate, it gets further in the same time (docs/benchmarks.md).
    """

    hidden_size: Positive = 16
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    max_epochs: Positive = 16
    attention_heads: Positive = 2
    hidden_continuous_size: Positive = 8


class XgboostConfig(Section):
    """Gradient-boosted trees over windows."""

    max_rounds: Positive = 400
    patience: Positive = 20
    """Rounds without a better validation loss before stopping."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.06
    max_depth: Annotated[int, Field(ge=1, le=16)] = 7
    min_child_weight: Annotated[float, Field(ge=0)] = 20.0
    """Least sum of second derivatives in a leaf: about so many rows."""
    subsample: Annotated[float, Field(gt=0, le=1)] = 0.8
    columns_per_tree: Annotated[float, Field(gt=0, le=1)] = 0.7
    variance_power: Annotated[float, Field(gt=1, lt=2)] = 1.2
    """Of Tweedie's distribution: near 1 a Poisson's, near 2 a gamma's."""
    max_rows: Positive = 600_000
    """Rows drawn of a group; a row is one day of one window."""
    days_per_window: Positive = 7
    """Days of a window's horizon that become rows."""


class ProphetConfig(Section):
    """Prophet takes a second or so for each series: which ones it forecasts. The others get the baseline."""

    skus: tuple[str, ...] = ()
    """These, at every location."""
    top: Annotated[int, Field(ge=0)] = 10
    """And of each group so many, by sales value of the last year before the cutoff."""


class ForecastConfig(Section):
    """Models, horizon, quantile levels."""

    horizon: Positive = 28
    context_length: Positive = 56
    models: tuple[TrainedName | ClassicalName, ...] = ("lstm", "tft", "xgboost")
    quantile_levels: tuple[Probability, ...] = (
        0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.95, 0.975, 0.99,
        0.995,
    )  # fmt: skip
    n_samples: Annotated[int, Field(ge=20)] = 200
    """Sample paths per series behind every quantile."""
    validation_days: Positive = 28
    """Last days before the training cutoff, kept for early stopping and for the dependence model."""
    min_series: Positive = 2
    """A group with fewer series falls back to the baseline."""
    min_days: Positive = 14
    """A series with a shorter life is forecast from its peers, whatever the model."""
    seed: int = 7
    warm_start: bool = False
    """Networks begin with the weights of the last night that has any, instead of at random."""
    lstm: LstmConfig = LstmConfig()
    tft: TftConfig = TftConfig()
    xgboost: XgboostConfig = XgboostConfig()
    prophet: ProphetConfig = ProphetConfig()

    @model_validator(mode="after")
    def _levels(self) -> Self:
        levels = self.quantile_levels
        if list(levels) != sorted(set(levels)):
            raise ValueError(f"quantile_levels must rise strictly, found {levels}")
        if 0.5 not in levels:
            raise ValueError("quantile_levels must contain 0.5, the median")
        if len(set(self.models)) != len(self.models):
            raise ValueError(f"models names one twice: {self.models}")
        if PROPHET in self.models and find_spec(PROPHET) is None:
            raise ValueError("models names prophet, which is not installed: pip install 'scaleinv[prophet]'")
        return self


class ExplainConfig(Section):
    """What is stored of what moved each forecast."""

    store: Literal["none", "quick", "exact"] = "quick"
    """``quick``: of trees, what approximates SHAP values; ``exact``: these themselves, which take some thirty times as
    long as the forecast. A network says what it looked at with either."""


class EvaluationConfig(Section):
    """What is held out and how policies are replayed on it."""

    holdout_days: Positive = 28
    """Last days known that models are not trained on; accuracy and replay are measured there."""
    refresh_days: Positive = 28
    """In the replay, forecasts and policies are renewed this often (as they would be every night)."""
    warmup_days: Positive = 56
    """Days before the hold-out on which the replayed policy finds its own stock level."""
    replications: Positive = 5
    """How often the hold-out is replayed, each time with other lead times."""
    season: Positive = 7
    """Period of the seasonal baseline and of MASE's scale, days."""
    pool: bool = True
    """Whether means of the trained models' quantiles, in every combination, stand for election beside them."""

    @model_validator(mode="after")
    def _refresh(self) -> Self:
        if self.refresh_days > self.holdout_days:
            raise ValueError(f"refresh_days {self.refresh_days} is longer than holdout_days {self.holdout_days}")
        return self


class HierarchyConfig(Section):
    """Forecasts of sums of series: SKUs, categories at a location, categories, locations, all."""

    enabled: bool = True
    method: Literal["bottom_up", "structural", "diagonal"] = "bottom_up"
    """``bottom_up``: sums of the series' forecasts. The others also forecast the sums themselves and reconcile both,
    weighted by the number of series (``structural``) or by the variances of the forecasts (``diagonal``)."""
    model: TrainedName | StatsName = "xgboost"
    """What forecasts the sums themselves, from their own days alone."""


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
    n_samples: Annotated[int, Field(ge=50)] = 400
    """Samples of protection demand per series."""
    holding_rate: Annotated[float, Field(gt=0)] = 0.25
    """Cost of holding one unit of money in stock for a year."""
    ordering_cost: Annotated[float, Field(ge=0)] = 1.0
    """Cost of one order line, in the retailer's currency."""
    max_cover_days: Positive = 14
    """An economic order quantity covers no more days than this."""
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


class ExportConfig(Section):
    """Files for the ERP."""

    folder: str
    """Where documents and the manifest go, on this machine or mounted on it; a sub-folder per as_of."""
    formats: tuple[Literal["csv", "idoc"], ...] = ("csv", "idoc")
    company_code: Annotated[str, Field(max_length=4)] = "1000"
    purchasing_organization: Annotated[str, Field(max_length=4)] = "1000"
    purchasing_group: Annotated[str, Field(max_length=3)] = "001"
    sender: Annotated[str, Field(max_length=10)] = "SCALEINV"
    receiver_port: Annotated[str, Field(max_length=10)] = "SAPPRD"
    receiver: Annotated[str, Field(max_length=10)] = "PRDCLNT100"
    iso_units: dict[str, Annotated[str, Field(min_length=1, max_length=3)]] = {}
    """UN/CEFACT Rec 20 code -> ISO unit code that the ERP knows, before the built-in table (EA -> PCE …)."""

    @model_validator(mode="after")
    def _on_this_machine(self) -> Self:
        if "://" in self.folder:
            raise ValueError(f"export.folder must be a local or mounted folder, not an address, found {self.folder}")
        return self


class TrackingConfig(Section):
    """The mirror in MLflow of what was trained and how good it is (docs/tracking.md)."""

    uri: str | None = None
    """``sqlite:///`` and a file, or ``http(s)://`` and a server; ``None`` or empty: there is no mirror. Who may write
    there the environment says (``MLFLOW_TRACKING_USERNAME``, ``MLFLOW_TRACKING_TOKEN`` …), never this address."""
    timeout: Positive = 10
    """Seconds that a server has to answer; it is asked three times."""

    @model_validator(mode="after")
    def _address(self) -> Self:
        # Not a field's validator, whose message would show what was found, and that may be a password.
        parts = urlsplit(self.uri or "")
        if self.uri and (parts.scheme not in ("sqlite", "http", "https") or (self.file is None and not parts.hostname)):
            raise ValueError("uri must be sqlite:///FILE, http://SERVER or https://SERVER")
        if parts.username or parts.password:
            raise ValueError("uri must not name a user: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        return self

    @property
    def file(self) -> Path | None:
        """The SQLite file; ``None`` if it is a server."""
        name = (self.uri or "").removeprefix("sqlite:///").partition("?")[0]
        return Path(name).absolute() if (self.uri or "").startswith("sqlite:///") and name else None

    @property
    def artefacts(self) -> str | None:
        """Where MLflow's own files lie beside a SQLite file; ``None``: the server knows."""
        return self.file.with_suffix(".artifacts").as_uri() if self.file else None


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
    export: ExportConfig
    tracking: TrackingConfig = TrackingConfig()
    maintain: MaintainConfig = MaintainConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.evaluation.holdout_days > self.forecast.horizon:
            raise ValueError(
                f"evaluation.holdout_days {self.evaluation.holdout_days} is longer than "
                f"forecast.horizon {self.forecast.horizon}: the hold-out is forecast in one go"
            )
        return self
