"""Real purchases are tiered alike by single decisions and by every engine of a population, row by row."""

from __future__ import annotations

import csv
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from policy_service.decisions.decider import Decider
from policy_service.population.engines import EngineName
from policy_service.population.mapping import Mapping
from tests.absence import SPARK, has_spark
from tests.databases import empty_url
from tests.effort import effort
from tests.population.files import RFM, read_result, run_file
from tests.population.purchases import AS_OF, HEADINGS, MEANS, write_purchases
from tests.shipped import NEWEST

CUSTOMERS = effort(500, 23_570)
TABLE = "CREATE TABLE customers (subject text, amount_12m numeric, orders_12m int, recency_days int)"


@pytest.fixture(scope="module")
def purchases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    path = tmp_path_factory.mktemp("purchases") / "purchases.csv"
    write_purchases(path)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))[:CUSTOMERS]


@pytest.fixture(scope="module")
def decisions(purchases: list[dict[str, str]]) -> dict[str, tuple[str, str]]:
    """The tier and the rule of each customer, decided one by one."""
    found = {}
    with Decider([policy for policy in NEWEST if policy.id == RFM]) as decider:
        for row in purchases:
            facts = {name: row[name] for name in HEADINGS[1:]} | MEANS
            answer = decider.decide(facts, as_of=AS_OF).to_dict()[RFM]
            found[row["subject"]] = answer["outcome"]["tier"], answer["rules"][0]
    return found


@pytest.mark.parametrize("engine", effort(("duckdb", "postgresql"), ("duckdb", "postgresql", "spark")))
def test_an_engine_answers_as_single_decisions_do(
    engine: EngineName, purchases: list[dict[str, str]], decisions: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    if engine == "spark" and not has_spark():
        pytest.skip(SPARK)
    mapping = Mapping(constants=MEANS)
    if engine == "postgresql":
        with empty_url("postgresql") as url:
            address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(address) as server:
                server.execute(TABLE)
                with server.cursor().copy("COPY customers FROM STDIN") as copy:
                    for row in purchases:
                        copy.write_row([row[name] for name in HEADINGS])
            run_file(address, tmp_path / "o.csv", mapping=mapping, as_of=AS_OF, table="customers", engine=engine)
    else:
        with (tmp_path / "p.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, HEADINGS)
            writer.writeheader()
            writer.writerows(purchases)
        run_file(tmp_path / "p.csv", tmp_path / "o.csv", mapping=mapping, as_of=AS_OF, engine=engine)
    answers = {row["subject"]: (row[f"{RFM}.tier"], row[f"{RFM}.rule"]) for row in read_result(tmp_path / "o.csv")}
    assert answers == decisions
    assert len(answers) == CUSTOMERS
