"""Train the byte-level BPE tokenizer of the bundled model, with its chat template."""

from collections.abc import Iterable
from pathlib import Path

from corpus import Messages
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 2048
PAD, BOS, END = "<|pad|>", "<|bos|>", "<|end|>"
ROLES = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}
TEMPLATE = Path(__file__).with_name("chat_template.jinja")


def train(conversations: Iterable[Messages]) -> PreTrainedTokenizerFast:
    """Learn the merges from the text of the conversations; every digit stays a token of its own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, END, *ROLES.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((message["content"] for talk in conversations for message in talk), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        additional_special_tokens=list(ROLES.values()),
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
        padding_side="right",
    )


def encode(tokenizer: PreTrainedTokenizerFast, messages: Messages) -> tuple[list[int], list[bool]]:
    """The tokens the chat template gives for the messages, and which of them the assistant writes."""
    ids, written = [tokenizer.bos_token_id], [False]
    for message in messages:
        text = tokenizer.encode(message["content"], add_special_tokens=False)
        ids += [tokenizer.convert_tokens_to_ids(ROLES[message["role"]]), *text, tokenizer.eos_token_id]
        written += [False] + [message["role"] == "assistant"] * (len(text) + 1)
    return ids, written
