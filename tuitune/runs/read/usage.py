"""How the result of a run is used from Python: a text that runs as it stands, with what training needs installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuitune.methods import RESULTS
from tuitune.methods.descriptor import Result
from tuitune.methods.lora import ADAPTER
from tuitune.objectives import TRAINED
from tuitune.objectives.sft import SFT
from tuitune.runs.store import files, journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records.training import Plan

_PROMPT_LIMIT = 120
_SCORED = ("Hello! How can I help you?", "No.")
"""Answers to get a score."""

_STORED = "auto"
"""The number format that a model is stored in, as transformers calls it."""


def result(run: Run) -> Path | None:
    """The folder of a run's result: its adapter, or its model where every weight was trained; None before that."""
    found = kind(run)
    return run.path / found.folder if found else None


def kind(run: Run) -> Result | None:
    """What kind of result a run has left behind so far."""
    return next((one for one in RESULTS if files.is_regular(run.path / one.folder / one.marker)), None)


def usage(run: Run, recipe: Mapping[str, Any]) -> str:
    """The text for a run's result; "" where there is none. `recipe` is the run's, as plain tables."""
    found = kind(run)
    if found is None:
        return ""
    folder = run.path / found.folder
    template = files.is_regular(folder / "chat_template.jinja")
    prompts = recipe.get("samples", {}).get("prompts") or ["Hello"]
    prompt = prompts[0] if len(prompts[0]) <= _PROMPT_LIMIT else "Hello"
    planned = next(map(Plan.read, journal.backwards(run.metrics_file, Plan.kind)), Plan())
    return snippet(str(folder), recipe, found, dtype=planned.dtype, template=template, prompt=prompt)


def snippet(
    folder: str, recipe: Mapping[str, Any], left: Result, *, dtype: str, template: bool, prompt: str = "Hello"
) -> str:
    """Python that loads what a run `left` in `folder`, and answers `prompt`, goes on with it or gives an answer to it a
    score; `template`: its tokenizer has a chat template.

    The base comes from where the adapter says, in the number format `dtype` that it was trained on in, "" where that
    is not known. A model that was trained whole is stored in its own.
    """
    objective = TRAINED.get(recipe.get("objective", {}).get("kind"), SFT)
    adapter = left == ADAPTER
    dtype = (dtype or _STORED) if adapter else _STORED
    quantized = _quantized(recipe.get("quantization", {}), dtype) if adapter else ""
    options = [
        *(["num_labels=1", "pad_token_id=tokenizer.pad_token_id"] if objective.scores else []),
        f'dtype="{dtype}"',
        'device_map="auto"',
        *(["trust_remote_code=True"] if recipe.get("model", {}).get("trust_remote_code") else []),
        *([f"quantization_config={quantized}"] if quantized else []),
    ]
    given = ", ".join(options)
    loader = "AutoModelForSequenceClassification" if objective.scores else "AutoModelForCausalLM"
    names = [loader, "AutoTokenizer", *(["BitsAndBytesConfig"] if quantized else [])]
    chat = template and not objective.whole
    precise = _precise("base" if adapter else "model") if objective.scores and dtype != "float32" else []
    lines = [
        *(["from peft import PeftConfig, PeftModel"] if adapter else []),
        f"from transformers import {', '.join(names)}",
        "",
        f"folder = {folder!r}",
        "tokenizer = AutoTokenizer.from_pretrained(folder)",
        *(_adapted(loader, given, precise) if adapter else _whole(loader, given, precise)),
        "",
        *(_scored(prompt, chat=chat) if objective.scores else _answered(prompt, chat=chat)),
    ]
    return "\n".join(lines) + "\n"


def _quantized(wanted: Mapping[str, Any], dtype: str) -> str:
    """How bitsandbytes loads the base; "" where it does not."""
    if wanted.get("bits") == 8:
        return "BitsAndBytesConfig(load_in_8bit=True)"
    if wanted.get("bits") != 4:
        return ""
    asked = wanted.get("compute_dtype", "auto")
    compute = dtype if asked == "auto" else asked
    told = [
        "load_in_4bit=True",
        f'bnb_4bit_quant_type="{wanted["kind"]}"',
        f"bnb_4bit_use_double_quant={wanted['double']}",
        *([] if compute == _STORED else [f'bnb_4bit_compute_dtype="{compute}"']),
    ]
    return f"BitsAndBytesConfig({', '.join(told)})"


def _precise(model: str) -> list[str]:
    """Scores in float32, in which they were trained, whatever the rest computes in."""
    return [f"{model}.score.float().register_forward_pre_hook(lambda head, given: (given[0].float(),))"]


def _whole(loader: str, given: str, precise: list[str]) -> list[str]:
    return [f"model = {loader}.from_pretrained(folder, {given})", *precise]


def _adapted(loader: str, given: str, precise: list[str]) -> list[str]:
    return [
        "config = PeftConfig.from_pretrained(folder)",
        f"base = {loader}.from_pretrained(",
        f"    config.base_model_name_or_path, revision=config.revision, {given}",
        ")",
        *precise,
        "model = PeftModel.from_pretrained(base, folder)",
    ]


def _answered(prompt: str, *, chat: bool) -> list[str]:
    asked = [
        f"messages = {[{'role': 'user', 'content': prompt}]!r}",
        "inputs = tokenizer.apply_chat_template(",
        '    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"',
        ")",
    ]
    return [
        *(asked if chat else [f'inputs = tokenizer({prompt!r}, return_tensors="pt")']),
        'answer = model.generate(**inputs.to(model.device), max_new_tokens=256)[0, inputs["input_ids"].shape[1] :]',
        "print(tokenizer.decode(answer, skip_special_tokens=True))",
    ]


def _scored(prompt: str, *, chat: bool) -> list[str]:
    """The scores of two answers."""
    turns = f'[{{"role": "user", "content": {prompt!r}}}, {{"role": "assistant", "content": answer}}]'
    conversation = [
        f"    messages = {turns}",
        '    inputs = tokenizer.apply_chat_template(messages, return_dict=True, return_tensors="pt")',
    ]
    text = [f'    inputs = tokenizer({prompt!r} + answer + (tokenizer.eos_token or ""), return_tensors="pt")']
    return [
        f"for answer in {list(_SCORED)!r}:",
        *(conversation if chat else text),
        "    print(model(**inputs.to(model.device)).logits.item(), answer)",
    ]
