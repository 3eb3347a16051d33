"""The mapping from columns of a file to facts, where their names differ.

subject: 客户编号
columns: {amount_12m: 近12个月采购额, orders_12m: 订单数}
constants: {industry: retail}          # the same for every subject
words: {industry: {零售业: retail}}     # what a cell says, and the word of the policy
missing: ["NULL", "-"]                 # besides the empty cell
delimiter: ";"                         # of a CSV file
sheet: 客户                             # of a workbook
formulas: stored                       # take the results that a workbook stores
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from yaml.constructor import ConstructorError

from policy_service.population.errors import PopulationRejected

MAX_BYTES = 1_000_000
Name = Annotated[str, Field(min_length=1, max_length=500)]


class Mapping(BaseModel):
    """The mapping of the columns of a population to facts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    subject: Name = "subject"
    columns: dict[Name, Name] = {}
    constants: dict[Name, str] = {}
    words: dict[Name, dict[str, str]] = {}
    missing: list[str] = []
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    sheet: Name | None = None
    formulas: Literal["refused", "stored"] = "refused"


def read_mapping(path: Path | None) -> Mapping:
    """Parse the mapping in a YAML file. Raises PopulationRejected, OSError."""
    if path is None:
        return Mapping()
    if path.stat().st_size > MAX_BYTES:
        raise PopulationRejected([f"{path}: a mapping has at most {MAX_BYTES:,} bytes"])
    try:
        return parse_mapping(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise PopulationRejected([f"{path}: {error}"]) from None


def parse_mapping(text: str, label: str) -> Mapping:
    """Parse a mapping from YAML or JSON text. Raises PopulationRejected, which names the label."""
    try:
        return Mapping.model_validate(_TextLoader(text).get_single_data() or {})
    except yaml.YAMLError as error:
        raise PopulationRejected([f"{label}: {error}"]) from None
    except RecursionError:
        raise PopulationRejected([f"{label}: nested too deeply"]) from None
    except ValidationError as error:
        problems = [
            f"{label}: {'.'.join(map(str, each['loc'])) or 'mapping'}: {each['msg']}" for each in error.errors()
        ]
        raise PopulationRejected(problems) from None


class _TextLoader(yaml.BaseLoader):
    """A YAML loader that reads every scalar as text and rejects duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        names: set[object] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in names:
                raise ConstructorError(None, None, f"`{key.value}` stands twice", key.start_mark)
            names.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)
