"""Alert rules and the dashboard: they speak of metrics and labels that the code emits, in PromQL that parses."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.infra.promql import Selector, grouping, kept, selectors

from scaleinv.pipeline.metrics import METRICS
from scaleinv.pipeline.stages import STAGE_NAMES
from scaleinv.schema import TABLES

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "infra/prometheus/rules.yaml").read_text())
BOARD = json.loads((ROOT / "infra/grafana/scaleinv.json").read_text())
EXPRESSIONS = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
TARGETS = [target for panel in BOARD["panels"] for target in panel["targets"]]
QUERIES = [target["expr"] for target in TARGETS]
VARIABLES = [entry["query"]["query"] for entry in BOARD["templating"]["list"] if entry["type"] == "query"]
_TOLD = re.findall(r"(scaleinv_\w+)(?:\{\{(\w+)=)?", (ROOT / "src/scaleinv/server/reads.py").read_text())
SERVED = {name: {label for other, label in _TOLD if other == name and label} for name, _ in _TOLD}
"""What `scaleinv serve` tells at /metrics: name -> labels."""
SCRAPED = {"instance", "job"}
"""Labels that Prometheus itself gives to what it asks a server for."""
STATES = {"running", "done", "incomplete", "failed", "fell_back"}

RULE_FILE = {
    "type": "object",
    "required": ["groups"],
    "additionalProperties": False,
    "properties": {
        "groups": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "rules"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "interval": {"type": "string", "pattern": r"^\d+[smhd]$"},
                    "rules": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["alert", "expr", "labels", "annotations"],
                            "additionalProperties": False,
                            "properties": {
                                "alert": {"type": "string", "pattern": "^Scaleinv[A-Za-z]+$"},
                                "expr": {"type": "string"},
                                "for": {"type": "string", "pattern": r"^\d+[smhd]$"},
                                "labels": {
                                    "type": "object",
                                    "required": ["severity"],
                                    "properties": {"severity": {"enum": ["critical", "warning", "info"]}},
                                },
                                "annotations": {"type": "object", "required": ["summary", "description"]},
                            },
                        },
                    },
                },
            },
        }
    },
}
DASHBOARD = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "panels", "templating", "time"],
    "properties": {
        "uid": {"type": "string", "maxLength": 40, "pattern": "^[a-zA-Z0-9_-]+$"},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "panels": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "title", "type", "gridPos", "targets", "datasource", "fieldConfig"],
                "properties": {
                    "type": {"enum": ["stat", "timeseries", "table"]},
                    "gridPos": {
                        "type": "object",
                        "required": ["x", "y", "w", "h"],
                        "properties": {"x": {"minimum": 0, "maximum": 23}, "w": {"minimum": 1, "maximum": 24}},
                    },
                    "targets": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "object", "required": ["refId", "expr", "datasource"]},
                    },
                },
            },
        },
    },
}


def test_the_rule_file_has_the_shape_that_prometheus_reads() -> None:
    jsonschema.validate(RULES, RULE_FILE)
    names = [rule["alert"] for group in RULES["groups"] for rule in group["rules"]]
    assert max(Counter(names).values()) == 1


def test_the_dashboard_has_the_shape_that_grafana_reads_and_no_panel_on_another() -> None:
    jsonschema.validate(BOARD, DASHBOARD)
    assert max(Counter(panel["id"] for panel in BOARD["panels"]).values()) == 1
    places = [
        (x, y)
        for grid in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert max(Counter(places).values()) == 1
    assert max(x for x, _ in places) == 23


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *QUERIES])
def test_every_expression_speaks_of_what_is_emitted(expression: str) -> None:
    found = selectors(expression)
    assert found, expression
    for selector in found:
        _check(selector)


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *QUERIES])
def test_what_is_grouped_and_matched_by_is_a_label_of_every_metric_that_takes_part(expression: str) -> None:
    """Prometheus takes a label that is not there for an empty one: the sum would be over all, and nothing say so."""
    assert grouping(expression) <= _of_all(expression), expression


@pytest.mark.parametrize(
    ("wrong", "label"),
    [
        ("max by (env, stge) (scaleinv_stage_state) == 1", "stge"),
        ("scaleinv_groups and on (env, table) scaleinv_stage_state", "table"),
        ("sum(scaleinv_table_rows) by (source)", "source"),
        ("scaleinv_groups / ignoring(stat) scaleinv_stage_state", "stat"),
        ("sum by (env) (scaleinv_events_waiting)", "env"),
    ],
)
def test_a_label_that_is_not_there_is_found(wrong: str, label: str) -> None:
    assert grouping(wrong) - _of_all(wrong) == {label}


def _of_all(expression: str) -> set[str]:
    return set.intersection(*[_labels_of(selector.metric) for selector in selectors(expression)])


def _labels_of(metric: str) -> set[str]:
    return SERVED[metric] | SCRAPED if metric in SERVED else {"env", *METRICS[metric].labels}


def test_legends_show_only_labels_that_the_answer_has() -> None:
    legends = [(target["expr"], target.get("legendFormat", "")) for target in TARGETS]
    named = [(expression, set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend))) for expression, legend in legends]
    assert set.union(*[labels for _, labels in named]) >= {"stage", "state", "table", "source"}
    for expression, labels in named:
        assert labels <= kept(expression, _of_all(expression)), expression


def test_what_the_server_tells_is_known_with_its_labels() -> None:
    assert SERVED["scaleinv_shipment_events_total"] == {"outcome"}
    assert SERVED["scaleinv_events_waiting"] == set()


def _check(selector: Selector) -> None:
    assert selector.metric in METRICS or selector.metric in SERVED, selector.metric
    assert set(selector.labels) <= _labels_of(selector.metric), selector
    if "stage" in selector.labels:
        assert selector.labels["stage"] in STAGE_NAMES
    if "table" in selector.labels:
        assert selector.labels["table"] in TABLES
    if "state" in selector.labels:
        assert {*selector.labels["state"].split("|")} <= STATES


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {selector.metric for query in [*QUERIES, *VARIABLES] for selector in _known(query)}
    assert shown == set(METRICS)


def _known(query: str) -> list[Selector]:
    # label_values(metric, label) is Grafana's own word: its second argument is no metric.
    return [selector for selector in selectors(query) if selector.metric != "env"]


@pytest.mark.parametrize("wrong", ["sum(scaleinv_groups", "scaleinv_groups{)", "summ(scaleinv_groups)", "a ; b"])
def test_what_is_no_promql_is_found(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"brackets|unknown function|no PromQL"):
        selectors(wrong)


def test_annotations_name_only_labels_that_the_alert_has() -> None:
    """A label that the expression's aggregation drops would be shown as nothing."""
    for rule in (rule for group in RULES["groups"] for rule in group["rules"]):
        said = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        assert said <= kept(rule["expr"], _of_all(rule["expr"])), rule


def test_the_documentation_names_every_metric_and_alert() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    alerts = [rule["alert"] for group in RULES["groups"] for rule in group["rules"]]
    assert [name for name in [*METRICS, *alerts] if f"`{name}`" not in page] == []
