"""The [model] table: the base model and how it is loaded."""

from __future__ import annotations

from typing import Literal

from tuitune.recipe.declaration import Section, setting


class ModelSection(Section):
    """Model"""

    id: str = setting(
        "bundled:nano",
        "model",
        affects=("training", "tokenizer"),
        change="until it trains",
        names="model",
        picked="model",
        always=True,
        also=("model_name_or_path",),
        min_length=1,
    )
    """The base model: a bundled name, a local folder or a Hugging Face Hub id."""
    revision: str = setting(
        "main", "revision", affects=("training", "tokenizer"), change="until it trains", advanced=True
    )
    """Branch, tag or commit of a Hub model; a commit makes the run reproducible."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = setting(
        "auto", "weights dtype", affects="training", change="until it trains", advanced=True
    )
    """Number format of the loaded weights; auto follows the training precision."""
    attention: Literal["auto", "sdpa", "eager"] = setting(
        "auto", "attention", affects="training", change="until it trains", advanced=True
    )
    """Attention implementation; auto uses the fastest exact kernel and keeps packed documents apart."""
    trust_remote_code: bool = setting(
        False, "trust remote code", affects="tokenizer", change="until it trains", advanced=True
    )
    """Run Python code that comes with this model. Only for a model whose code you have read."""
