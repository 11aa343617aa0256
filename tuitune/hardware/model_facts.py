"""What a model is, read from its config.json alone: sizes, every linear layer, and the exact number of parameters.

The layouts are those of the model classes in transformers 5; `tests/hardware/test_model_facts.py` compares them
parameter by parameter with the classes themselves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tuitune import plain
from tuitune.hardware.weights import weigh

_CONFIG_LIMIT = 4_000_000
_MANY_LAYERS = 100_000


@dataclass(frozen=True)
class Linear:
    """The linear layers of one name: `count` of them, each `inputs` wide in and `outputs` wide out."""

    name: str
    inputs: int
    outputs: int
    count: int
    bias: bool = False

    @property
    def weights(self) -> int:
        """Elements of all weight matrices of this name, biases not counted."""
        return self.inputs * self.outputs * self.count


@dataclass(frozen=True)
class Experts:
    """The experts of a mixture: `count` in each of `layers` layers, `chosen` of them for a token, each `inner` wide.

    transformers holds those of a layer in two parameters of three dimensions (`gate_up_proj`, `down_proj`), which are
    no linear layers: bitsandbytes does not quantize them.
    """

    layers: int
    count: int
    chosen: int
    inner: int
    hidden: int

    @property
    def weights(self) -> int:
        """Elements of all experts."""
        return self.layers * self.count * 3 * self.inner * self.hidden

    @property
    def parameters(self) -> tuple[Linear, Linear]:
        """Both parameters, as the linear layers that each expert of them is."""
        number = self.layers * self.count
        return (
            Linear("gate_up_proj", self.hidden, 2 * self.inner, number),
            Linear("down_proj", self.inner, self.hidden, number),
        )


@dataclass(frozen=True)
class ModelFacts:
    """The facts of a model; None where its config does not say.

    `linears` (the output head `lm_head` among them) is empty and `parameters` None for an architecture that is not
    known here, unless the weight files tell the total. `bytes` and `dtype` describe the stored weights.
    """

    architecture: str | None
    model_type: str | None
    hidden: int | None
    layers: int | None
    heads: int | None
    kv_heads: int | None
    head_dim: int | None
    intermediate: int | None
    vocab: int | None
    tied: bool
    max_positions: int | None
    parameters: int | None
    linears: tuple[Linear, ...]
    norms: int = 2
    """Normalisations of the hidden state in a layer."""
    head_norms: bool = False
    """Whether queries and keys are normalised, head by head."""
    softcap: bool = False
    """Whether attention's scores are soft-capped, for which no kernel is used."""
    experts: Experts | None = None
    dtype: str | None = None
    bytes: int | None = None
    quantized: str | None = None
    """The method that the stored weights are quantized with already."""
    quantized_bits: Literal[4, 8] | None = None
    """To how many bits, where bitsandbytes has done it."""
    fixed_positions: bool = False
    """Whether no row may be longer than `max_positions`: each position has an embedding or a table entry of its own."""
    remote_code: bool = False
    """Whether the model comes with Python code of its own (`auto_map`)."""
    chat_template: bool | None = None
    scores: bool = False
    """Whether it has a head that gives one score, and none that writes."""

    @property
    def trunk(self) -> tuple[Linear, ...]:
        """The linear layers inside the transformer blocks: all but the output head."""
        return tuple(linear for linear in self.linears if linear.name != "lm_head")

    @property
    def scoring(self) -> ModelFacts:
        """The same model with a head that gives one score in place of its output head."""
        if self.scores:
            return self
        hidden = self.hidden or 0
        change = hidden - (0 if self.tied else (self.vocab or 0) * hidden)
        parameters = None if self.parameters is None else self.parameters + change
        return replace(self, linears=self.trunk, parameters=parameters, scores=True)

    @property
    def one_matrix(self) -> bool:
        """Whether the output head is the matrix of the embeddings."""
        return self.tied and not self.scores

    @property
    def end_parameters(self) -> int:
        """Elements of the embeddings and of the output head, which may be one matrix."""
        return (self.vocab or 0) * (self.hidden or 0) * (1 if self.tied or self.scores else 2)

    @property
    def layer_parameters(self) -> int | None:
        """Elements of all weights of one layer; None where the layout is not known, or layers differ."""
        if not (self.linears and self.layers) or (self.experts and self.experts.layers != self.layers):
            return None
        return (_parameters(self, self.linears) - self.end_parameters - (self.hidden or 0)) // self.layers


_FIXED_POSITIONS = frozenset({
    "bart", "bert", "bert-generation", "big_bird", "bigbird_pegasus", "biogpt", "blenderbot", "blenderbot-small",
    "camembert", "codegen", "ctrl", "data2vec-text", "electra", "ernie", "git", "gpt-sw3", "gpt2", "gpt_bigcode",
    "gpt_neo", "gptj", "marian", "mbart", "megatron-bert", "mpt", "mvp", "openai-gpt", "opt", "pegasus", "plbart",
    "prophetnet", "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "trocr", "whisper", "xlm",
    "xlm-roberta", "xlm-roberta-xl", "xmod",
})  # fmt: skip
"""Model types with a table of positions that ends (`tests/hardware/test_positions.py` asks the classes)."""


@dataclass(frozen=True)
class _Family:
    """How the layers of one `model_type` differ from plain Llama."""

    fused: bool = False
    """One qkv_proj for q, k and v, one gate_up_proj for gate and up."""
    qkv_bias: bool = False
    attention_bias_key: bool = True
    mlp_bias_key: bool = False
    norms: int = 2
    head_norms: bool = False
    tied: bool = False
    head_dim: int | None = None
    softcap: bool = False
    experts: bool = False


_FAMILIES = {
    "llama": _Family(mlp_bias_key=True),
    "mistral": _Family(attention_bias_key=False),
    "qwen2": _Family(qkv_bias=True, attention_bias_key=False),
    "qwen3": _Family(head_norms=True, head_dim=128),
    "phi3": _Family(fused=True, attention_bias_key=False),
    "gemma": _Family(tied=True, head_dim=256),
    "gemma2": _Family(norms=4, tied=True, head_dim=256, softcap=True),
    "gemma3_text": _Family(norms=4, head_norms=True, tied=True, head_dim=256),
    "mixtral": _Family(attention_bias_key=False, experts=True),
    "qwen3_moe": _Family(head_norms=True, experts=True),
}


def read_facts(config: dict[str, Any] | Path) -> ModelFacts:
    """Facts from a config mapping, a config.json, or a model folder.

    A folder tells more: stored bytes and dtype, the total from the headers of its weight files, whether it has a chat
    template. Raises OSError where the file cannot be read, ValueError where it is not a JSON object.
    """
    if isinstance(config, dict):
        return _facts(config)
    if config.is_dir():
        return _folder_facts(config)
    return _facts(load_config(config))


def load_config(file: Path) -> dict[str, Any]:
    """A config.json as a mapping. Raises OSError or ValueError."""
    content = plain.head(file, _CONFIG_LIMIT + 1)
    if len(content) > _CONFIG_LIMIT:
        raise ValueError(f"{file.name}: larger than any model's config")
    try:
        config = json.loads(content)
    except RecursionError as error:
        raise ValueError(f"{file.name}: nested too deeply") from error
    if not isinstance(config, dict):
        raise ValueError(f"{file.name}: not a JSON object")
    return config


def _folder_facts(folder: Path) -> ModelFacts:
    facts = _facts(load_config(folder / "config.json"))
    weights = weigh(folder, tied=facts.tied)
    return replace(
        facts,
        parameters=weights.parameters or facts.parameters,
        dtype=weights.dtype or facts.dtype,
        bytes=weights.bytes,
        chat_template=_has_chat_template(folder),
    )


def _facts(config: dict[str, Any]) -> ModelFacts:
    nested = config.get("text_config")
    text = {**config, **nested} if isinstance(nested, dict) else config
    kind = config.get("model_type")
    family = _FAMILIES.get(kind) if isinstance(kind, str) else None
    rules = family or _Family()
    hidden = _size(text, "hidden_size", "n_embd", "d_model")
    heads = _size(text, "num_attention_heads", "n_head", "n_heads")
    names = config.get("architectures")
    tied = text.get("tie_word_embeddings")
    facts = ModelFacts(
        architecture=names[0] if isinstance(names, list) and names and isinstance(names[0], str) else None,
        model_type=kind if isinstance(kind, str) else None,
        hidden=hidden,
        layers=_size(text, "num_hidden_layers", "n_layer", "n_layers"),
        heads=heads,
        kv_heads=_size(text, "num_key_value_heads") or heads,
        head_dim=_size(text, "head_dim") or rules.head_dim or (hidden // heads if hidden and heads else None),
        intermediate=_size(text, "intermediate_size", "ffn_hidden_size", "n_inner"),
        vocab=_size(text, "vocab_size"),
        tied=tied if isinstance(tied, bool) else rules.tied,
        max_positions=_size(text, "max_position_embeddings", "n_positions", "max_seq_len"),
        parameters=None,
        linears=(),
        norms=rules.norms,
        head_norms=rules.head_norms,
        softcap=bool(text.get("attn_logit_softcapping", rules.softcap)),
        experts=_experts(text) if family is None or family.experts else None,
        dtype=_dtype(text),
        quantized=_quantized(config),
        quantized_bits=_quantized_bits(config),
        fixed_positions=isinstance(kind, str) and kind in _FIXED_POSITIONS,
        remote_code="auto_map" in config,
    )
    known = None not in (hidden, facts.layers, heads, facts.intermediate, facts.vocab)
    if family is None or not known or (family.experts and facts.experts is None):
        return facts
    linears = _linears(facts, family, config)
    writing = replace(facts, linears=linears, parameters=_parameters(facts, linears))
    return writing.scoring if (facts.architecture or "").endswith("ForSequenceClassification") else writing


def _experts(config: dict[str, Any]) -> Experts | None:
    """The experts that a config tells of, in the keys that models with experts share."""
    count = _size(config, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    inner = _size(config, "moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size")
    layers, hidden = _size(config, "num_hidden_layers", "n_layer", "n_layers"), _size(config, "hidden_size", "d_model")
    if count is None or count < 2 or not (inner and layers and hidden):
        return None
    dense, every = config.get("mlp_only_layers"), _size(config, "decoder_sparse_step") or 1
    without = {layer for layer in range(min(layers, _MANY_LAYERS)) if (layer + 1) % every}
    without |= {layer for layer in dense if isinstance(layer, int)} if isinstance(dense, list) else set()
    without |= set(range(min(_size(config, "first_k_dense_replace") or 0, layers, _MANY_LAYERS)))
    chosen = _size(config, "num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k") or 1
    sparse = layers - len({layer for layer in without if 0 <= layer < layers})
    return Experts(sparse, count, min(chosen, count), inner, hidden) if sparse else None


def _linears(facts: ModelFacts, family: _Family, config: dict[str, Any]) -> tuple[Linear, ...]:
    """Every `nn.Linear` of the model by name, in the order of the modules."""
    hidden, layers = facts.hidden or 0, facts.layers or 0
    inner, head_dim = facts.intermediate or 0, facts.head_dim or 0
    queries, keys = (facts.heads or 0) * head_dim, (facts.kv_heads or 0) * head_dim
    attention_bias = family.attention_bias_key and config.get("attention_bias") is True
    qkv_bias, mlp_bias = attention_bias or family.qkv_bias, family.mlp_bias_key and config.get("mlp_bias") is True
    dense = layers - (facts.experts.layers if facts.experts else 0)
    if family.fused:
        qkv = [Linear("qkv_proj", hidden, queries + 2 * keys, layers, qkv_bias)]
        gate_up = [Linear("gate_up_proj", hidden, 2 * inner, dense, mlp_bias)]
    else:
        widths = {"q_proj": queries, "k_proj": keys, "v_proj": keys}
        qkv = [Linear(name, hidden, width, layers, qkv_bias) for name, width in widths.items()]
        gate_up = [Linear(name, hidden, inner, dense, mlp_bias) for name in ("gate_proj", "up_proj")]
    output = Linear("o_proj", queries, hidden, layers, attention_bias)
    down = Linear("down_proj", inner, hidden, dense, mlp_bias)
    feed_forward = (*gate_up, down) if dense else ()
    return (*qkv, output, *feed_forward, Linear("lm_head", hidden, facts.vocab or 0, 1))


def _parameters(facts: ModelFacts, linears: tuple[Linear, ...]) -> int:
    """Embeddings (with a tied output head), linear layers and biases, normalisations, experts and their routers."""
    hidden, layers, head_dim = facts.hidden or 0, facts.layers or 0, facts.head_dim or 0
    norms = layers * (facts.norms * hidden + 2 * head_dim * facts.head_norms) + hidden
    counted = [linear for linear in linears if not (facts.tied and linear.name == "lm_head")]
    matrices = sum(linear.weights + linear.outputs * linear.count * linear.bias for linear in counted)
    experts = facts.experts
    routed = experts.weights + experts.layers * experts.count * hidden if experts else 0
    return (facts.vocab or 0) * hidden + norms + matrices + routed


def _size(config: dict[str, Any], *keys: str) -> int | None:
    """The first of `keys` that holds a sensible size; configs are foreign, so anything else counts as absent."""
    for key in keys:
        value = config.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**40:
            return value
    return None


def _quantized(config: dict[str, Any]) -> str | None:
    """The method that stored weights are quantized with; bitsandbytes' older configs say it by their bits alone."""
    found = config.get("quantization_config")
    if not isinstance(found, dict):
        return None
    bits = found.get("load_in_4bit") or found.get("load_in_8bit")
    return str(found.get("quant_method") or ("bitsandbytes" if bits else "unknown"))


def _quantized_bits(config: dict[str, Any]) -> Literal[4, 8] | None:
    found = config.get("quantization_config")
    if not isinstance(found, dict):
        return None
    return 4 if found.get("load_in_4bit") else 8 if found.get("load_in_8bit") else None


def _dtype(config: dict[str, Any]) -> str | None:
    value = config.get("dtype", config.get("torch_dtype"))
    return value.removeprefix("torch.") if isinstance(value, str) else None


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    try:
        return bool(load_config(folder / "tokenizer_config.json").get("chat_template"))
    except (OSError, ValueError):
        return False
