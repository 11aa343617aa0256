"""The [model] table: the base model and how it is loaded."""

from __future__ import annotations

from typing import Literal

from tuitune.recipe.declaration import Entails, Section, setting


class ModelSection(Section):
    """Model"""

    id: str = setting(
        "bundled:nano",
        "model",
        "The base model: a bundled name, a local folder or a Hugging Face Hub id.",
        Entails(("training", "tokenizer"), change="until it trains", names="model", picked="model"),
        always=True,
        also=("model_name_or_path",),
        min_length=1,
    )
    revision: str = setting(
        "main",
        "revision",
        "Branch, tag or commit of a Hub model; a commit makes the run reproducible.",
        Entails(("training", "tokenizer"), change="until it trains"),
        advanced=True,
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = setting(
        "auto",
        "weights dtype",
        "Number format of the loaded weights; auto follows the training precision.",
        Entails("training", change="until it trains"),
        advanced=True,
    )
    attention: Literal["auto", "sdpa", "eager"] = setting(
        "auto",
        "attention",
        "Attention implementation; auto uses the fastest exact kernel and keeps packed documents apart.",
        Entails("training", change="until it trains"),
        advanced=True,
    )
    trust_remote_code: bool = setting(
        False,
        "trust remote code",
        "Run Python code that comes with this model. Only for a model whose code you have read.",
        Entails("nothing", change="until it trains"),
        advanced=True,
    )
