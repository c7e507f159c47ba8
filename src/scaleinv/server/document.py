"""What OpenAPI says of the endpoints beyond what their code says: bodies that are signed, and who may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from scaleinv.server.problems import ProblemDocument
from scaleinv.server.signatures import SENDER, SIGNATURE, TIMESTAMP
from scaleinv.shipments.own_form import Event

_REF: Final = "#/components/schemas/{model}"
_EPCIS: Final = {
    "type": "object",
    "required": ["type", "epcisBody"],
    "properties": {
        "@context": {},
        "type": {"const": "EPCISDocument"},
        "schemaVersion": {"type": "string"},
        "creationDate": {"type": "string"},
        "epcisBody": {
            "type": "object",
            "required": ["eventList"],
            "properties": {"eventList": {"type": "array", "items": {"$ref": "#/components/schemas/EPCISEvent"}}},
        },
    },
}
_EPCIS_EVENT: Final = {
    "type": "object",
    "required": ["type", "eventTime", "eventTimeZoneOffset", "action"],
    "properties": {
        "type": {"enum": ["ObjectEvent", "AggregationEvent", "TransactionEvent"]},
        "eventID": {"type": "string"},
        "eventTime": {"type": "string", "format": "date-time"},
        "eventTimeZoneOffset": {"type": "string"},
        "action": {"enum": ["ADD", "OBSERVE", "DELETE"]},
        "bizStep": {"type": "string"},
        "disposition": {"type": "string"},
        "parentID": {"type": "string"},
        "epcList": {"type": "array", "items": {"type": "string"}},
        "childEPCs": {"type": "array", "items": {"type": "string"}},
        "readPoint": {"type": "object", "properties": {"id": {"type": "string"}}},
        "bizLocation": {"type": "object", "properties": {"id": {"type": "string"}}},
        "bizTransactionList": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "bizTransaction"],
                "properties": {"type": {"type": "string"}, "bizTransaction": {"type": "string"}},
            },
        },
        "sensorElementList": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "sensorReport": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "type": {"type": "string"},
                                "uom": {"enum": ["CEL", "FAH", "KEL"]},
                                "value": {"type": "number"},
                                "minValue": {"type": "number"},
                                "maxValue": {"type": "number"},
                            },
                        },
                    }
                },
            },
        },
        "errorDeclaration": {"type": "object"},
    },
}
_HEADERS: Final = (
    (TIMESTAMP, "Seconds since 1970, when it was signed.", r"^[0-9]{1,12}$"),
    (SIGNATURE, "v1= and the HMAC-SHA256 of <timestamp>.<body>, in hexadecimal.", r"^v1=[0-9a-f]{64}$"),
)
_SENDER: Final = (SENDER, "Who sends: a name of shipments.senders.", r"^[A-Za-z0-9._-]{1,64}$")
_WRONG: Final = {
    401: "Nobody who may do this.",
    404: "There is no such thing.",
    409: "The id is known with another content.",
    408: "It did not come in time.",
    413: "Too large.",
    415: "Compressed.",
    422: "It cannot be used.",
    429: "Too much waits.",
    503: "The order book does not answer.",
}


def signed(body: str) -> dict[str, Any]:
    """What an endpoint says of a message that is signed and read as bytes."""
    content = {"application/json": {"schema": {"$ref": _REF.format(model=body)}}}
    headers = _HEADERS if body == "CarrierMessage" else (_SENDER, *_HEADERS)
    parameters = [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": meaning,
            "schema": {"type": "string", "pattern": form},
        }
        for name, meaning, form in headers
    ]
    if body == "CarrierMessage":
        parameters.insert(0, {"name": "carrier", "in": "path", "required": True, "schema": {"type": "string"}})
    extra = {"requestBody": {"required": True, "content": content}, "parameters": parameters}
    return {"openapi_extra": extra, "responses": problems(401, 404, 408, 409, 413, 415, 422, 429, 503)}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers that say what is wrong."""
    content = {"application/problem+json": {"schema": {"$ref": _REF.format(model=ProblemDocument.__name__)}}}
    return {status: {"description": _WRONG[status], "content": content} for status in statuses}


def install(app: FastAPI, more: Sequence[BaseRoute]) -> None:
    """Lets the app describe itself, and ``more`` routes."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, [*more, *app.routes])
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    one_or_many = TypeAdapter(Event | list[Event]).json_schema(ref_template=_REF)
    schemas.update(one_or_many.pop("$defs"))
    problem = ProblemDocument.model_json_schema(ref_template=_REF)
    schemas.update(
        ShipmentEvents=one_or_many,
        EPCISDocument=_EPCIS,
        EPCISEvent=_EPCIS_EVENT,
        CarrierMessage={"description": "As shipments.webhooks.<carrier> says.", "type": ["object", "array"]},
        ProblemDocument=problem,
    )
    components["securitySchemes"] = {"reader": {"type": "http", "scheme": "bearer"}}
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document
