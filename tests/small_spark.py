"""Spark for many models over few rows; a cluster has settings of its own."""

import importlib.util
import shlex
import shutil

import pytest

MISSING = [
    what
    for what, is_there in {
        "the extra `spark`": importlib.util.find_spec("pyspark") is not None,
        "a Java runtime": shutil.which("java") is not None,
    }.items()
    if not is_there
]
needs_spark = pytest.mark.skipif(bool(MISSING), reason=f"without {' and '.join(MISSING)}")

SETTINGS = {
    # what Java compiles once more, to run faster, is over before it pays; room for all of the rest
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
    " -XX:+UseSerialGC",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}


def small_spark(environment: pytest.MonkeyPatch) -> None:
    """Have every Spark that is started from here have those settings."""
    settings = shlex.join(part for one in SETTINGS.items() for part in ("--conf", "=".join(one)))
    environment.setenv("PYSPARK_SUBMIT_ARGS", f"{settings} pyspark-shell")
