"""A DAG of Airflow 3: a night of scaleinv, a task per stage, and what looks after the lake.

Put it into the DAGs folder; needs apache-airflow-providers-standard. How a stage is submitted the environment of the
scheduler and the workers says: SCALEINV_SPARK_SUBMIT, SCALEINV_RAY_SUBMIT and SCALEINV_SUBMIT, in which ``{stage}`` is
the stage; its options follow. SCALEINV_ALERT_URL is told what failed for good.
Weekly and monthly training are conf/schedule.yaml's: each night trains what is due.
"""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param

ENV = os.environ.get("SCALEINV_ENV", "prod")
ZONE = ZoneInfo(os.environ.get("SCALEINV_TIMEZONE", "UTC"))
CRON = os.environ.get("SCALEINV_CRON", "30 2 * * *")
SUBMIT = {
    "spark": os.environ.get("SCALEINV_SPARK_SUBMIT", "spark-submit /opt/scaleinv/jobs/{stage}.py"),
    "ray": os.environ.get("SCALEINV_RAY_SUBMIT", "ray job submit -- python /opt/scaleinv/jobs/{stage}.py"),
    "plain": os.environ.get("SCALEINV_SUBMIT", "scaleinv {stage}"),
}
STAGES = {
    "ingest": "spark",
    "features": "spark",
    "train": "ray",
    "forecast": "ray",
    "evaluate": "plain",
    "optimize": "plain",  # "ray" with ray.optimize=true
    "replenish": "plain",
    "export": "plain",
    "reconcile": "plain",
    "track": "plain",
}
# The last day known: yesterday where the shops are, unless the run is told another day.
AS_OF = "{{ params.as_of or macros.ds_add(dag_run.run_after.astimezone(dag.timezone).strftime('%Y-%m-%d'), -1) }}"
OPTIONS = f"--env {ENV} --as-of {AS_OF} --set schedule.reuse=true"


def alert(context: Any) -> None:
    """Posts what failed, after its last try, to SCALEINV_ALERT_URL: JSON with a ``text``, as chats take it."""
    url = os.environ.get("SCALEINV_ALERT_URL")
    if url:
        task = context["task_instance"]
        told = {"text": f"scaleinv {ENV}: {task.task_id} failed in {task.run_id}: {context.get('exception')}"}
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data=json.dumps(told).encode(), headers=headers, method="POST")  # noqa: S310
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - the operator's own address


with DAG(
    dag_id="scaleinv",
    description="From the retailer's records to its orders",
    schedule=CRON,
    start_date=datetime(2026, 1, 1, tzinfo=ZONE),
    catchup=False,  # a night that was missed is run by hand, with as_of
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=10),
    params={"as_of": Param("", type="string", pattern=r"^(\d{4}-\d{2}-\d{2})?$", description="Empty: yesterday")},
    default_args={
        # A stage goes on where it was: to try again costs only what is missing.
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=30),
        "on_failure_callback": alert,
    },
    tags=["scaleinv"],
    doc_md=__doc__,
) as dag:
    before: BashOperator | None = None
    for stage, engine in STAGES.items():
        task = BashOperator(
            task_id=stage,
            bash_command=f"{SUBMIT[engine].format(stage=stage)} {OPTIONS}",
            append_env=True,
            execution_timeout=timedelta(hours=8),
            pool=os.environ.get(f"SCALEINV_{engine.upper()}_POOL", "default_pool"),
        )
        if before is not None:
            before >> task
        before = task
    status = BashOperator(
        task_id="status",
        bash_command=f"scaleinv status --env {ENV} --as-of {AS_OF}",
        append_env=True,
        retries=0,
        trigger_rule="all_done",  # also of a night that failed: its log says what to do
    )
    maintain = BashOperator(
        task_id="maintain", bash_command=f"scaleinv maintain --env {ENV}", append_env=True, trigger_rule="all_success"
    )
    assert before is not None
    before >> [status, maintain]
