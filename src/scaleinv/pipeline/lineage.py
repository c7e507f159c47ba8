"""OpenLineage events (specification 2-0-2): what each stage read and wrote, with versions, columns and rows."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import scaleinv
from scaleinv.config import Config
from scaleinv.lake import Lake
from scaleinv.pipeline.records import Record
from scaleinv.schema import table

Json = dict[str, Any]
PRODUCER: Final = f"https://pypi.org/project/scaleinv/{scaleinv.__version__}"
_SPEC: Final = "https://openlineage.io/spec"
_EVENT: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_TYPES: Final = {"running": "START", "done": "COMPLETE", "incomplete": "COMPLETE", "failed": "FAIL"}
_FACETS: Final = {
    "schema": "1-2-0/SchemaDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "dataSource": "1-0-1/DatasourceDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "nominalTime": "1-0-1/NominalTimeRunFacet",
    "parent": "1-2-0/ParentRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
}
"""Facet -> version and name of its specification."""


def send_event(config: Config, lake: Lake, record: Record) -> None:
    """Adds the event of a stage that begins or has ended to the file, and posts it, where these are named.

    Raises:
        OSError: the file cannot be written, or the server does not take it.
    """
    options = config.lineage
    if not options.file and not options.url:
        return
    content = json.dumps(event_of(config, lake, record), sort_keys=True).encode()
    if options.file:
        _append(Path(options.file), content + b"\n")
    if options.url:
        headers = {"Content-Type": "application/json"}
        key = options.api_key.get_secret_value() if options.api_key else ""
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(options.url, data=content, method="POST", headers=headers)  # noqa: S310 - http and https only
        with urllib.request.urlopen(request, timeout=options.timeout):  # noqa: S310
            pass


def event_of(config: Config, lake: Lake, record: Record) -> Json:
    """One run event: START of a record that is running, COMPLETE or FAIL of one that has ended."""
    namespace = config.lineage.namespace or f"scaleinv.{config.env}"
    type_ = _TYPES[record.state]
    return {
        "eventType": type_,
        "eventTime": record.ended or record.started,
        "producer": PRODUCER,
        "schemaURL": _EVENT,
        "run": {"runId": record.id, "facets": _run_facets(record, namespace)},
        "job": {
            "namespace": namespace,
            "name": f"scaleinv.{record.stage}",
            "facets": {
                "jobType": _facet("jobType", processingType="BATCH", integration="SCALEINV", jobType="STAGE"),
            },
        },
        "inputs": [_data_set(lake, name, version) for name, version in sorted(record.reads.items())],
        "outputs": [] if type_ == "START" else _outputs(lake, record),
    }


def _outputs(lake: Lake, record: Record) -> list[Json]:
    """What was committed; of a stage that failed only what it had committed by then."""
    return [
        _data_set(lake, name, record.writes[name].version)
        | {"outputFacets": {"outputStatistics": _facet("outputStatistics", rowCount=record.writes[name].rows)}}
        for name in sorted(record.writes)
    ]


def _run_facets(record: Record, namespace: str) -> Mapping[str, Json]:
    night = f"{record.as_of}T00:00:00+00:00"
    facets = {
        "nominalTime": _facet("nominalTime", nominalStartTime=night),
        "parent": _facet("parent", run={"runId": record.run}, job={"namespace": namespace, "name": "scaleinv.run"}),
        "processing_engine": _facet("processing_engine", version=scaleinv.__version__, name="scaleinv"),
    }
    if record.error is not None:
        facets["errorMessage"] = _facet("errorMessage", message=record.error, programmingLanguage="PYTHON")
    return facets


def _data_set(lake: Lake, name: str, version: int) -> Json:
    contract, address = table(name), lake.files.spark_address
    namespace, path = _place(address)
    fields = [
        {"name": column.name, "type": str(contract.schema.field(column.name).type), "description": column.meaning}
        for column in contract.columns
    ]
    return {
        "namespace": namespace,
        "name": f"{path}/{name}".lstrip("/") if namespace != "file" else f"{path}/{name}",
        "facets": {
            "schema": _facet("schema", fields=fields),
            "version": _facet("version", datasetVersion=str(version)),
            "dataSource": _facet("dataSource", name=f"scaleinv lake ({namespace})", uri=_uri(address)),
        },
    }


def _place(address: str) -> tuple[str, str]:
    """Namespace and path as OpenLineage names them: ``s3://bucket`` and the key, ``file`` and the path."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return "file", address
    server, _, path = rest.partition("/")
    return f"{'s3' if scheme in ('s3a', 's3n') else scheme}://{server}", path.strip("/")


def _uri(address: str) -> str:
    return address if "://" in address else Path(address).as_uri()


def _facet(name: str, /, **content: object) -> Json:
    version, kind = _FACETS[name].split("/")
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{kind}.json#/$defs/{kind}", **content}


def _append(target: Path, line: bytes) -> None:
    """In one write, so that lines of two runs do not mix."""
    target.parent.mkdir(parents=True, exist_ok=True)
    place = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(place, line)
    finally:
        os.close(place)
