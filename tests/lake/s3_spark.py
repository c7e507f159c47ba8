"""A Spark driver that appends loads to a lake on S3: run by ``test_lake_s3.py``, which commits at the same time.

Arguments: a pickled list of lakes, in hexadecimal: one that is written to, one on a store that forgets conditions.
"""

import pickle
import sys

from tests.conftest import SMALL
from tests.lake.test_lake_s3 import LOADS, sales

from scaleinv.config import SparkConfig
from scaleinv.errors import EngineError
from scaleinv.lake.spark import read_loads, spark_session, stop_session, write_spark
from scaleinv.schema import table

SALES = table("silver/sales")


def main() -> None:
    lake, forgetful = pickle.loads(bytes.fromhex(sys.argv[1]))
    config = SparkConfig(driver_memory="1g", shuffle_partitions=2, options=SMALL)
    spark = spark_session(config, lake.config, app="scaleinv tests")
    print("ready", flush=True)
    for number in range(LOADS):
        rows = spark.createDataFrame(sales("spark", number).to_pandas(), schema=read_loads(spark, lake, SALES).schema)
        write_spark(lake, rows, SALES, where={"source": "spark"}, load=("spark", number), append=True)
    print(read_loads(spark, lake, SALES).where("source = 'spark'").count(), flush=True)
    shown = {**dict(spark.sparkContext.getConf().getAll()), **dict(spark.sql("SET").collect())}
    assert not any("nobody-may-see" in value for value in shown.values())
    try:
        spark_session(config, forgetful.config, app="scaleinv tests")
    except EngineError as error:
        print(error, flush=True)
    stop_session(spark)


if __name__ == "__main__":
    main()
