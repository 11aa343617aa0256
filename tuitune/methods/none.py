"""No adapter: every weight of the model is trained."""

from tuitune.methods.descriptor import Method, Rates, Result

NONE = Method(
    name="none",
    title="full fine-tuning",
    does="trains every weight of the model",
    made="A fine-tuned copy of",
    settings=frozenset(),
    trains_base=True,
    result=Result("model", "config.json", "transformers"),
    rates=Rates(usual=1e-5, lowest=0, highest=1e-4),
    small_rates=Rates(usual=5e-4, lowest=0, highest=5e-3),
    too_high="is too high when every weight is trained: the model forgets what it knows",
    parameters=lambda settings, facts, adapted, experts: facts.parameters,
    described=lambda settings, targets, bits: "none: full fine-tuning",
    recorded=lambda settings, targets: "",
    unquantized="cannot be trained",
)
