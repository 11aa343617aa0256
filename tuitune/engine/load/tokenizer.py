"""The tokenizer of a run: loaded, with the recipe's template; what ends an answer; tokens that its model lacks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.compute
from datasets import Dataset
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from tuitune.engine.process.failures import EngineError, first_line
from tuitune.engine.tokens.template import ChatTemplate, apply_template_file
from tuitune.hardware.models import locate, looks_like_hub_id
from tuitune.paths import expanded
from tuitune.planning.checks.vocabulary import beyond
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.model import ModelSection


def load_tokenizer(model: ModelSection, folder: Path | str) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, or of a Hub id; one without a padding token pads with its end-of-text token."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder,
            trust_remote_code=model.trust_remote_code,
            local_files_only=isinstance(folder, Path),
            revision=model.revision,
        )
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(f"model.id: the tokenizer of {model.id} could not be loaded: {first_line(error)}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def choose_template(recipe: Recipe, tokenizer: PreTrainedTokenizerBase, base: Path | None = None) -> ChatTemplate:
    """The template of the recipe: that of `data.template` (relative to `base`), else the tokenizer's own."""
    inline = recipe.data.left_out == "inline"
    if not recipe.data.template:
        return ChatTemplate(tokenizer, inline=inline)
    apply_template_file(tokenizer, (base or Path()) / expanded(recipe.data.template))
    return ChatTemplate(tokenizer, "file", inline=inline)


def place_of(model: ModelSection, base: Path | None = None) -> Path | str:
    """The folder of a model that is here, or the id of one on the Hub; EngineError where it is neither."""
    folder = locate(model.id, model.revision, base=base)
    if folder is None and not looks_like_hub_id(model.id):
        raise EngineError(f"model.id: {model.id} is not a bundled model, a folder with config.json or a Hub id")
    return folder or model.id


def longest_of(model: ModelSection, folder: Path | str) -> int | None:
    """How many tokens a text may have for the model; None where its configuration does not tell."""
    with suppress(OSError, ValueError, KeyError):
        found = AutoConfig.from_pretrained(folder, local_files_only=isinstance(folder, Path), revision=model.revision)
        longest = getattr(found.get_text_config(), "max_position_embeddings", None)
        return longest if isinstance(longest, int) else None
    return None


def stop_ids_of(model: ModelSection, folder: Path | str, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Tokens that end an answer: the tokenizer's end of text and what the model's generation settings name."""
    known = None
    for configuration in (GenerationConfig, AutoConfig):
        with suppress(OSError, ValueError, KeyError):
            found = configuration.from_pretrained(
                folder, local_files_only=isinstance(folder, Path), revision=model.revision
            )
            known = getattr(found, "eos_token_id", None)
            break
    return with_end_of_text(known, tokenizer)


def with_end_of_text(known: Any, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens that generation settings name as ends, one or several or None, and the tokenizer's end of text."""
    ids = known if isinstance(known, list) else [known]
    return {int(token) for token in [*ids, tokenizer.eos_token_id] if token is not None}


def refuse_unknown(tokens: Sequence[int], tokenizer: PreTrainedTokenizerBase, model: Any, key: str) -> None:
    """EngineError where the greatest of `tokens` has no embedding in the model; `key` is the setting they come from."""
    known = model.get_input_embeddings().weight.shape[0]
    if (greatest := max(tokens, default=0)) >= known:
        raise EngineError(f"{key}: {beyond(str(tokenizer.convert_ids_to_tokens(greatest)), greatest, known)}")


def refuse_unknown_rows(rows: Dataset | None, tokenizer: PreTrainedTokenizerBase, model: Any, key: str) -> None:
    """As `refuse_unknown`, for all tokens of tokenized rows."""
    if rows is not None and len(rows):
        table = rows.with_format("arrow")[:]
        columns = (table.column(name) for name in table.column_names if name.endswith("_ids"))
        largest = [pyarrow.compute.max(pyarrow.compute.list_flatten(column)).as_py() for column in columns]
        refuse_unknown(largest, tokenizer, model, key)
