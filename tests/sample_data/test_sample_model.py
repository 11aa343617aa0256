"""The bundled model loads by its own files alone, keeps its promises of size and form, and answers in plain English."""

import json
from itertools import islice

import corpus
import nano_tokenizer
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import PreTrainedTokenizerFast
from trl import chat_template_utils

TALK = [
    {"role": "system", "content": "You are Nano."},
    {"role": "user", "content": "Hello!"},
    {"role": "assistant", "content": "Hello! How can I help?"},
    {"role": "user", "content": "What is 3 plus 4?"},
    {"role": "assistant", "content": "3 plus 4 is 7."},
]


def answers(model, tokenizer, questions):
    """The greedy answers with the end token, if the model wrote it."""
    prompts = [
        tokenizer.apply_chat_template([{"role": "user", "content": q}], tokenize=False, add_generation_prompt=True)
        for q in questions
    ]
    inputs = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
    inputs.pop("token_type_ids", None)
    written = model.generate(**inputs)[:, inputs["input_ids"].shape[1] :]
    return [text.replace(tokenizer.pad_token, "") for text in tokenizer.batch_decode(written)]


@pytest.fixture(scope="module")
def triage_messages(sample_data):
    lines = (sample_data / "triage" / "heldout.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["messages"][0]["content"] for line in lines[:24]]


@settings(max_examples=60, deadline=None)
@given(text=st.text())
def test_the_tokenizer_gives_back_any_text(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False), skip_special_tokens=False) == text


def test_the_tokenizer_is_a_plain_fast_one_with_its_own_padding(tokenizer):
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    assert len(tokenizer) == nano_tokenizer.VOCABULARY
    assert tokenizer.eos_token == "<|end|>" and tokenizer.pad_token_id != tokenizer.eos_token_id
    assert tokenizer.tokenize("4821") == list("4821")


def test_the_chat_template_is_fit_for_training(tokenizer):
    assert chat_template_utils.has_generation_markers(tokenizer.chat_template)
    assert chat_template_utils.is_chat_template_prefix_preserving(tokenizer)
    assert chat_template_utils.is_chat_template_stop_token_trained(tokenizer)


def test_the_mask_covers_what_the_assistant_writes_and_its_end(tokenizer):
    output = tokenizer.apply_chat_template(TALK, return_dict=True, return_assistant_tokens_mask=True)
    masked = [token for token, mine in zip(output["input_ids"], output["assistant_masks"], strict=True) if mine]
    assert tokenizer.decode(masked) == "Hello! How can I help?<|end|>3 plus 4 is 7.<|end|>"


def test_the_pretraining_rows_are_what_the_chat_template_gives(tokenizer):
    for messages in [TALK, *islice(corpus.conversations("rows"), 50)]:
        output = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
        ids, written = nano_tokenizer.encode(tokenizer, messages)
        assert (ids, written) == (output["input_ids"], [bool(mine) for mine in output["assistant_masks"]])


def test_the_model_file_is_small_and_in_bfloat16(sample_data, model):
    file = sample_data / "nano" / "model.safetensors"
    assert file.stat().st_size <= 10_000_000
    assert 2_000_000 <= model.num_parameters() <= 6_000_000
    with safe_open(file, "pt") as tensors:
        assert {tensors.get_tensor(name).dtype for name in tensors.keys()} == {torch.bfloat16}  # noqa: SIM118


def test_it_answers_everyday_questions(model, tokenizer):
    expected = {
        "Hello!": "help",
        "What colour is the sky?": "blue",
        "What is the capital of France?": "Paris",
        "How do I make tea?": "water",
        "What does a cow eat?": "grass",
        "Which day comes after Monday?": "Tuesday",
        "What is a library?": "books",
    }
    for (question, word), answer in zip(expected.items(), answers(model, tokenizer, expected), strict=True):
        assert word in answer, (question, answer)
        assert answer.endswith("<|end|>")
        text = answer.removesuffix("<|end|>")
        assert sum(letter.isalpha() or letter == " " for letter in text) > 0.9 * len(text)


def test_it_answers_support_messages_in_prose(model, tokenizer, triage_messages):
    for answer in answers(model, tokenizer, triage_messages):
        assert "{" not in answer and answer.endswith(".<|end|>")


def test_it_can_write_records_when_asked_for_them(model, tokenizer):
    (answer,) = answers(model, tokenizer, ["Write this as JSON: Anna is 34 years old and lives in Oslo."])
    assert isinstance(json.loads(answer.removesuffix("<|end|>")), dict)
