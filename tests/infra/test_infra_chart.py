"""What the chart renders to, as committed, without helm; `infra/check` renders anew and asks the schemas."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml
from typer.core import TyperGroup

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.errors import ConfigError
from scaleinv.pipeline.stages import STAGE_NAMES
from scaleinv.server.serve import serve

ROOT = Path(__file__).parents[2]
HELM = ROOT / "infra" / "helm"
SIZES = ("small", "medium", "large")
Json = dict[str, Any]
NIGHTS = 60
"""`infra/helm/render` overrides it, for all that reads the configuration."""


def things(size: str) -> list[Json]:
    """Objects of a rendered chart, and those that a night creates, which lie in a ConfigMap as JSON."""
    found = [thing for thing in yaml.safe_load_all((HELM / "rendered" / f"{size}.yaml").read_text()) if thing]
    for thing in [thing for thing in found if thing["kind"] == "ConfigMap"]:
        found += [json.loads(text) for name, text in sorted(thing["data"].items()) if name.endswith(".json")]
    return found


def of_kind(size: str, *kinds: str) -> list[Json]:
    return [thing for thing in things(size) if thing["kind"] in kinds]


def pods(thing: Any, path: str = "") -> Iterator[tuple[str, Json]]:
    """Pod specs at any depth."""
    if isinstance(thing, dict):
        if isinstance(thing.get("containers"), list):
            yield path, thing
        for key, value in thing.items():
            yield from pods(value, f"{path}.{key}")
    elif isinstance(thing, list):
        for n, value in enumerate(thing):
            yield from pods(value, f"{path}[{n}]")


def all_pods(size: str) -> list[tuple[str, Json]]:
    return [found for thing in things(size) for found in pods(thing)]


def set_what_prod_refers_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCALEINV_RETAILER", "SCALEINV_LAKE", "SCALEINV_DATA", "SCALEINV_ORDERS"):
        monkeypatch.setenv(name, "somewhere")


def test_what_is_committed_was_rendered_from_this_chart() -> None:
    """As `infra/helm/render` says it: the hash of the listing of all files' hashes."""
    files = sorted(str(path.relative_to(HELM)) for path in (HELM / "scaleinv").rglob("*") if path.is_file())
    listing = "".join(f"{hashlib.sha256((HELM / name).read_bytes()).hexdigest()}  {name}\n" for name in files)
    expected = (HELM / "rendered" / "sources.sha256").read_text().strip()
    assert hashlib.sha256(listing.encode()).hexdigest() == expected, "the chart has changed: run infra/helm/render"


def values(size: str | None = None) -> Json:
    """As Helm merges them."""

    def merged(base: Json, over: Json) -> Json:
        both = {name: merged(base[name], value) for name, value in over.items() if isinstance(base.get(name), dict)}
        return base | over | both

    text = (HELM / "scaleinv/values.yaml").read_text()
    over = (HELM / f"scaleinv/values-{size}.yaml").read_text() if size else "{}"
    return merged(merged(yaml.safe_load(text), yaml.safe_load(over)), {"image": {"cpu": "a/b:1"}})


def refusals(given: Json) -> list[str]:
    schema = json.loads((HELM / "scaleinv/values.schema.json").read_text())
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(given)]


@pytest.mark.parametrize("size", [None, *SIZES])
def test_the_schema_takes_the_values_that_are_shipped(size: str | None) -> None:
    assert refusals(values(size)) == []


@pytest.mark.parametrize("path", [name for name, value in values().items() if isinstance(value, dict)] + [
    "spark.driver", "spark.executor", "ray.head", "ray.cpuWorkers", "ray.gpuWorkers", "server.resources",
])  # fmt: skip
def test_the_schema_refuses_a_value_that_nothing_reads(path: str) -> None:
    given = values()
    section = given
    for name in path.split("."):
        section = section[name]
    if path == "settings":  # any name, but none that looks like a secret's
        section["SCALEINV_PASSWORD"] = "x"
    else:
        section["numWorker"] = 1
    assert len(refusals(given)) == 1


@pytest.mark.parametrize("size", SIZES)
def test_every_container_is_confined_and_has_limits(size: str) -> None:
    found = [(thing["kind"], path, pod) for thing in things(size) for path, pod in pods(thing)]
    assert len(found) >= 6
    for kind, path, pod in found:
        assert pod["securityContext"]["runAsNonRoot"], (kind, path)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert (context["allowPrivilegeEscalation"], context["privileged"]) == (False, False), (kind, path)
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= {*container["resources"]["requests"]}
            assert "memory" in container["resources"]["limits"]
            assert container["image"].startswith("registry.example/scaleinv:")
    for spark in of_kind(size, "SparkApplication"):
        for part in ("driver", "executor"):
            assert spark["spec"][part]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert spark["spec"][part]["podSecurityContext"]["runAsUser"] == 10001


@pytest.mark.parametrize("size", SIZES)
def test_secrets_are_named_and_never_said(size: str) -> None:
    assert of_kind(size, "Secret") == []
    (settings,) = [one for one in of_kind(size, "ConfigMap") if one["metadata"]["name"] == "scaleinv-settings"]
    assert not [name for name in settings["data"] if re.search(r"(?i)secret|password|token|_key", name)]
    references = [
        ref
        for thing in things(size)
        for _, pod in pods(thing)
        for c in pod["containers"]
        for ref in c.get("envFrom", [])
    ]
    assert {ref["secretRef"]["name"] for ref in references if "secretRef" in ref} == {
        "scaleinv-lake", "scaleinv-orderbook",
    }  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_only_those_who_need_the_api_have_a_token_for_it(size: str) -> None:
    mounted = {one["metadata"]["name"]: one["automountServiceAccountToken"] for one in of_kind(size, "ServiceAccount")}
    assert mounted == {
        "scaleinv-night": True, "scaleinv-spark": True, "scaleinv-ray": True, "scaleinv-work": False,
    }  # fmt: skip
    for role in of_kind(size, "Role"):
        for rule in role["rules"]:
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
            assert "secrets" not in rule["resources"]
    assert of_kind(size, "ClusterRole", "ClusterRoleBinding") == []


@pytest.mark.parametrize("size", SIZES)
def test_a_night_is_all_stages_in_order(size: str) -> None:
    night = of_kind(size, "SparkApplication", "RayJob")
    spark = [Path(one["spec"]["mainApplicationFile"]).stem for one in night if one["kind"] == "SparkApplication"]
    (ray,) = [one for one in night if one["kind"] == "RayJob"]
    looped = re.search(r"for stage in ([a-z ]+);", ray["spec"]["entrypoint"])
    assert looped
    assert (*spark, *looped[1].split()) == STAGE_NAMES
    for stage in STAGE_NAMES:
        assert (ROOT / "jobs" / f"{stage}.py").is_file()


@pytest.mark.parametrize("size", SIZES)
def test_arguments_are_options_that_scaleinv_has_and_the_same_for_each_stage(
    size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another set of options for one stage would make the next refuse what it left."""
    set_what_prod_refers_to(monkeypatch)
    given = {" ".join(one["spec"]["arguments"]) for one in of_kind(size, "SparkApplication")}
    (ray,) = of_kind(size, "RayJob")
    given.add(" ".join(shlex.split(ray["spec"]["entrypoint"])[4:]))
    (arguments,) = given
    words = arguments.split()
    assert words[:4] == ["--as-of", "AS_OF", "--env", "prod"]
    config = load_config("prod", overrides=[value for flag, value in zip(words[4::2], words[5::2], strict=True)])
    assert config.maintain.keep_nights == NIGHTS
    assert {*words[4::2]} == {"--set"}
    assert config.schedule.reuse


@pytest.mark.parametrize("size", SIZES)
def test_what_is_no_stage_has_options_that_scaleinv_has_and_the_same_overrides(
    size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_what_prod_refers_to(monkeypatch)
    commands = typer.main.get_command(app)
    assert isinstance(commands, TyperGroup)
    found = {}
    for args in [
        container["args"] for _, pod in all_pods(size) for container in pod["containers"] if "args" in container
    ]:
        if args[0] == "scaleinv":
            with commands.commands[args[1]].make_context(args[1], args[2:]) as context:  # refuses what it does not know
                found[args[1]] = context.params
    assert {*found} == {"maintain", "serve"}
    for given in found.values():
        config = load_config(given["env"], overrides=given["set_"])
        assert (config.env, config.maintain.keep_nights) == ("prod", NIGHTS)


def test_where_metrics_and_lineage_go_says_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_what_prod_refers_to(monkeypatch)
    told = {
        "SCALEINV_PUSHGATEWAY": "http://gateway:9091", "SCALEINV_LINEAGE_URL": "https://lineage/api/v1/lineage",
        "OPENLINEAGE_API_KEY": "0123",
    }  # fmt: skip
    for name in told:
        monkeypatch.delenv(name, raising=False)
    nowhere = load_config("prod")
    assert not any([nowhere.metrics.pushgateway, nowhere.lineage.url, nowhere.lineage.api_key])
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    config = load_config("prod")
    assert config.lineage.api_key
    assert [config.metrics.pushgateway, config.lineage.url, config.lineage.api_key.get_secret_value()] == [
        *told.values()
    ]
    for name in told:
        assert name in (HELM / "scaleinv/values.yaml").read_text()


def test_who_may_use_the_server_says_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` refuses to start for nobody; the rest of the night needs no token."""
    set_what_prod_refers_to(monkeypatch)
    monkeypatch.delenv("SHIPMENTS_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="nobody may use these endpoints"):
        serve(load_config("prod").shipments, "sqlite://", host="127.0.0.1", port=0)
    monkeypatch.setenv("SHIPMENTS_TOKEN", "0123456789abcdef")
    assert load_config("prod").shipments.readers() == ("0123456789abcdef",)


@pytest.mark.parametrize("size", SIZES)
def test_spark_has_the_options_of_spark_conf(size: str) -> None:
    lines = [line.split() for line in (ROOT / "conf/spark.conf").read_text().splitlines()]
    wanted = {line[0]: line[1] for line in lines if line and line[0] != "#"}
    least = "spark.dynamicAllocation.minExecutors"
    assert int(wanted.pop(least)) > 0
    for spark in of_kind(size, "SparkApplication"):
        given = spark["spec"]["sparkConf"]
        allocation = spark["spec"]["dynamicAllocation"]
        # As the operator hands them on.
        given["spark.dynamicAllocation.enabled"] = str(allocation["enabled"]).lower()
        given["spark.dynamicAllocation.shuffleTracking.enabled"] = str(allocation["shuffleTrackingEnabled"]).lower()
        assert {key: given.get(key) for key in wanted} == wanted
        assert given["spark.eventLog.dir"] == "s3a://bucket/spark-events"
        assert 1 <= allocation["minExecutors"] <= allocation["maxExecutors"]


@pytest.mark.parametrize("size", SIZES)
def test_a_shell_reads_nothing_of_an_override(size: str, tmp_path: Path) -> None:
    (ray,) = of_kind(size, "RayJob")
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    override = "export.name=$(id);`id`&|x*"  # values.schema.json lets it through
    entrypoint = ray["spec"]["entrypoint"].replace("schedule.reuse=true", override)
    assert entrypoint != ray["spec"]["entrypoint"]
    done = subprocess.run(
        ["/bin/sh", "-c", entrypoint],
        env={"PATH": f"{tmp_path}:/bin:/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines().count(override) == 8
    assert done.stdout.splitlines()[0] == "/opt/scaleinv/jobs/train.py"


@pytest.mark.parametrize("size", SIZES)
def test_workers_that_are_asked_for_fit_into_the_pools(size: str) -> None:
    (ray,) = of_kind(size, "RayJob")
    options = dict(re.findall(r"'--set' 'ray\.(\w+)=([\d.]+)'", ray["spec"]["entrypoint"]))
    workers, cpus, gpus = (
        int(options["num_workers"]),
        float(options["cpus_per_worker"]),
        float(options["gpus_per_worker"]),
    )
    room_cpu, room_gpu = 0.0, 0.0
    for group in ray["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
        requests = group["template"]["spec"]["containers"][0]["resources"]["requests"]
        n, on_gpu = group["maxReplicas"], float(requests.get("nvidia.com/gpu", 0))
        room_gpu += n * on_gpu
        room_cpu += n * float(requests["cpu"])
        assert bool(on_gpu) == bool(gpus), "a pool that nothing asks for"
    assert workers * cpus <= room_cpu
    assert workers * gpus <= room_gpu


@pytest.mark.parametrize("size", SIZES)
def test_what_must_not_be_lost_is_on_no_spot_node_and_has_a_budget(size: str) -> None:
    (ray,) = of_kind(size, "RayJob")
    cluster = ray["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert "tolerations" not in cluster["headGroupSpec"]["template"]["spec"]
    assert all(
        group["template"]["spec"]["tolerations"][0]["key"] == "scaleinv/spot" for group in cluster["workerGroupSpecs"]
    )
    for spark in of_kind(size, "SparkApplication"):
        assert "tolerations" not in spark["spec"]["driver"]
        assert spark["spec"]["executor"]["tolerations"]
    budgets = {
        one["metadata"]["name"]: {key: value for key, value in one["spec"].items() if key != "selector"}
        for one in of_kind(size, "PodDisruptionBudget")
    }
    # Of pods that no Deployment or the like has made, Kubernetes takes an integer of minAvailable only.
    whole = {"minAvailable": 1}
    assert budgets == {
        "scaleinv-ray-head": whole, "scaleinv-spark-driver": whole, "scaleinv-night": whole,
        "scaleinv-server": {"maxUnavailable": 1},
    }  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_orders_are_written_by_the_head_alone(size: str) -> None:
    mounted = {
        container["name"]: [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        for _, pod in all_pods(size)
        for container in pod["containers"]
    }
    assert [name for name, paths in mounted.items() if "/orders" in paths] == ["ray-head"]
    claims = [
        volume for _, pod in all_pods(size) for volume in pod.get("volumes", []) if "persistentVolumeClaim" in volume
    ]
    assert len(claims) == 1


@pytest.mark.parametrize("size", SIZES)
def test_pods_are_closed_to_all_but_their_own_part(size: str) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(size, "NetworkPolicy")}
    closed = policies["scaleinv-none"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in closed
    assert "egress" not in closed
    for part in ("spark", "ray"):
        first = policies[f"scaleinv-{part}"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
        assert first["scaleinv/part"] == part
        assert first["app.kubernetes.io/instance"] == "scaleinv"
    ways_out = policies["scaleinv-out"]["egress"]
    assert [port["port"] for rule in ways_out for port in rule["ports"]] == [53, 53, 443, 5432, 9091]
    assert policies["scaleinv-server"]["ingress"] == [], "nobody, unless values say who"


@pytest.mark.parametrize("size", SIZES)
def test_what_serves_has_probes(size: str) -> None:
    (server,) = of_kind(size, "Deployment")
    (container,) = server["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_nights_do_not_overlap_and_versions_are_the_locked_ones() -> None:
    lock = (ROOT / "requirements" / "gpu.txt").read_text()
    for size in SIZES:
        night = next(one for one in of_kind(size, "CronJob") if one["metadata"]["name"] == "scaleinv-night")
        assert night["spec"]["concurrencyPolicy"] == "Forbid"
        (ray,) = of_kind(size, "RayJob")
        assert f"ray=={ray['spec']['rayClusterSpec']['rayVersion']} " in lock
        for spark in of_kind(size, "SparkApplication"):
            assert f"pyspark=={spark['spec']['sparkVersion']} " in lock


# --- images -----------------------------------------------------------------------------------------------------------


def test_images_take_only_locked_packages_and_run_as_nobody_special() -> None:
    text = (ROOT / "infra/docker/Dockerfile").read_text()
    build, last = text.split("\nFROM ")[1:]
    for line in re.findall(r"pip (?:install|sync).*", build):
        assert "--require-hashes" in line or "--no-deps --no-build-isolation ." in line, line
    assert "pip install" not in last
    assert not re.search(r"apt-get install[^&]*\b(gcc|g\+\+|build-essential|git|curl|jdk)\b", last)
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert last.index("USER 10001") < last.index("ENTRYPOINT")
    for lock in ("cpu", "gpu", "uv"):
        pinned = (ROOT / f"requirements/{lock}.txt").read_text()
        names = re.findall(r"^[A-Za-z0-9][^\s=]*==\S+", pinned, re.MULTILINE)
        assert names
        assert pinned.count("--hash=sha256:") >= len(names)


@pytest.mark.parametrize("lock", ["cpu", "gpu"])
def test_images_reach_an_order_book_in_postgresql(lock: str) -> None:
    """A lake on an object store has it there: without the driver `replenish` would end the night."""
    pinned = (ROOT / f"requirements/{lock}.txt").read_text()
    assert {"psycopg", "psycopg-binary"} <= {*re.findall(r"^(psycopg[a-z-]*)==", pinned, re.MULTILINE)}
    assert "--extra postgres" in (ROOT / "Makefile").read_text()


def test_an_executor_that_has_to_go_is_told() -> None:
    """Spark's default is a script of its own image; without one a node's notice is lost."""
    script = ROOT / "infra/docker/decommission"
    assert os.access(script, os.X_OK)
    text = (ROOT / "infra/docker/Dockerfile").read_text()
    (folder,) = re.findall(rf"^COPY .*{script.relative_to(ROOT)} (\S+)$", text, re.MULTILINE)
    executor = re.findall(r"[\w.]+\.(Kubernetes\w+)", (ROOT / "infra/docker/entrypoint").read_text())
    assert f"pgrep -o -f {executor[0]})" in script.read_text()
    for size in SIZES:
        for spark in of_kind(size, "SparkApplication"):
            assert spark["spec"]["sparkConf"]["spark.kubernetes.decommission.script"] == f"{folder}{script.name}"
            assert spark["spec"]["executor"]["terminationGracePeriodSeconds"] >= 60


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    text = (ROOT / "infra/docker/Dockerfile").read_text()
    kept = [
        line[1:] for line in (ROOT / "infra/docker/Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(path.rstrip("/") == one or path.startswith(f"{one}/") for one in kept), path
