"""Configuration: ``conf/base.yaml``, one overlay per environment, ``--set``; read strictly into frozen models."""

from scaleinv.config.export import ExportConfig
from scaleinv.config.forecast import (
    EvaluationConfig,
    ExplainConfig,
    ForecastConfig,
    HierarchyConfig,
    LstmConfig,
    ProphetConfig,
    SamplingConfig,
    TftConfig,
    TrainingConfig,
    XgboostConfig,
)
from scaleinv.config.kafka import KafkaConfig
from scaleinv.config.load import config_folder, environments, load_config
from scaleinv.config.models import (
    FORMAT_PACKAGES,
    S3_PACKAGES,
    Assumptions,
    Config,
    FeaturesConfig,
    IngestConfig,
    InventoryConfig,
    LakeConfig,
    LeadTimeConfig,
    M5Config,
    RayConfig,
    ReplenishConfig,
    ServiceTarget,
    SparkConfig,
    SyntheticConfig,
)
from scaleinv.config.sources import SourceConfig
from scaleinv.config.tracking import TrackingConfig

__all__ = [
    "FORMAT_PACKAGES",
    "S3_PACKAGES",
    "Assumptions",
    "Config",
    "EvaluationConfig",
    "ExplainConfig",
    "ExportConfig",
    "FeaturesConfig",
    "ForecastConfig",
    "HierarchyConfig",
    "IngestConfig",
    "InventoryConfig",
    "KafkaConfig",
    "LakeConfig",
    "LeadTimeConfig",
    "LstmConfig",
    "M5Config",
    "ProphetConfig",
    "RayConfig",
    "ReplenishConfig",
    "SamplingConfig",
    "ServiceTarget",
    "SourceConfig",
    "SparkConfig",
    "SyntheticConfig",
    "TftConfig",
    "TrackingConfig",
    "TrainingConfig",
    "XgboostConfig",
    "config_folder",
    "environments",
    "load_config",
]
