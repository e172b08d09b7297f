"""Decodes an ExportMetricsServiceRequest in JSON by OpenTelemetry's own schema.

Reads the request from standard input. Prints the resource and one object for each metric, by its name. A field that the
schema does not have, or of another type, is an error. Protobuf's own JSON takes names of enumerations and plain 64-bit
numbers, too; OTLP's does not write them, so that is checked here.
"""

import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

STRINGS = {"startTimeUnixNano", "timeUnixNano", "asInt", "count"}


def check_json_form(value):
    """OTLP's JSON: enumerations are numbers, 64-bit integers are strings."""
    if isinstance(value, list):
        for item in value:
            check_json_form(item)
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "aggregationTemporality" and not isinstance(item, int):
                raise ValueError(f"{name} must be a number: {item!r}")
            if name in STRINGS and not isinstance(item, str):
                raise ValueError(f"{name} must be a string: {item!r}")
            if name == "bucketCounts" and not all(isinstance(count, str) for count in item):
                raise ValueError(f"{name} must be strings: {item!r}")
            check_json_form(item)


def attributes(pairs):
    return {pair.key: pair.value.string_value for pair in pairs}


def point(data, kind):
    found = {"attributes": attributes(data.attributes), "end": data.time_unix_nano}
    if kind != "gauge":
        found["start"] = data.start_time_unix_nano
    if kind == "histogram":
        found |= {
            "count": data.count,
            "sum": data.sum,
            "bounds": list(data.explicit_bounds),
            "buckets": list(data.bucket_counts),
        }
    else:
        found["value"] = getattr(data, data.WhichOneof("value"))
    return found


def metric(data):
    kind = data.WhichOneof("data")
    body = getattr(data, kind)
    found = {"kind": kind, "unit": data.unit, "points": [point(each, kind) for each in body.data_points]}
    if kind != "gauge":
        found["temporality"] = AggregationTemporality.Name(body.aggregation_temporality)
    if kind == "sum":
        found["monotonic"] = body.is_monotonic
    return found


def main():
    text = sys.stdin.read()
    check_json_form(json.loads(text))
    request = json_format.Parse(text, ExportMetricsServiceRequest())
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    metrics = {each.name: metric(each) for each in scope.metrics}
    print(json.dumps({"resource": attributes(resource.resource.attributes), "metrics": metrics}))


if __name__ == "__main__":
    main()
