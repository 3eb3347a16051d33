"""Of Ibis, what the columnar compiler uses: the compiler of each database."""

from typing import Any

duckdb: Any
postgres: Any
pyspark: Any
