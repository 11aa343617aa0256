"""A JSON schema that an answer has to fit, as jsonschema judges it."""

from __future__ import annotations

import json
from pathlib import Path

from tuitune.rewards.descriptor import Attempt, Reward, RewardSettings, Score
from tuitune.rewards.valid_json import NONE, parsed


def _prepare(settings: RewardSettings) -> Score:
    try:
        schema = json.loads(Path(settings.schema_file).expanduser().read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"rewards.schema_file cannot be read as JSON: {error}") from None
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"rewards.schema_file is not a JSON schema: {error.message}") from None
    validator = kind(schema)

    def score(answer: Attempt) -> float:
        found = parsed(answer.text)
        return float(found is not NONE and validator.is_valid(found))

    return score


SCHEMA = Reward(
    "schema",
    "JSON of the schema",
    "1 for JSON that fits a schema",
    _prepare,
    settings=("schema_file",),
    filled=("schema_file",),
    package="jsonschema",
)
