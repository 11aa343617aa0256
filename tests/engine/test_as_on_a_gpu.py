"""What is decided for a GPU, tried without one: cards as torch describes them, autocast and loss scaling on a CPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.engine.support import ARCHITECTURES, Carry, Outcome, save_model
from tuitune.engine.load.device import Precision, precision
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe

GPU = torch.device("cuda", 0)
BF16 = Precision(torch.bfloat16, torch.bfloat16, torch.bfloat16)
"""What a card with bfloat16 computes in, which a CPU's autocast can too."""


def recipe(**settings: Any) -> Recipe:
    return apply(Recipe(), [f"{key.replace('__', '.')}={value!r}" for key, value in settings.items()])


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Has torch say that it computes on a card of this capability, once libraries have been imported without one."""
    import tuitune.engine.train  # noqa: F401

    def pretend(major: int, minor: int) -> None:
        properties = SimpleNamespace(major=major, minor=minor, name="a card")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *_: properties)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (major, minor))
        monkeypatch.setattr(torch.version, "cuda", "13.0")

    return pretend


@pytest.mark.parametrize(("capability", "rounds"), [((7, 0), None), ((7, 5), None), ((8, 0), True), ((9, 0), True)])
def test_tf32_is_asked_for_where_the_card_has_it(
    capability: tuple[int, int], rounds: bool | None, card: Any, prepared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers refuses arguments with tf32 on other cards, after the model was loaded."""
    import transformers.training_args as arguments
    from transformers.utils import import_utils

    from tuitune.engine.objectives.sft import configuration

    for name in ("is_torch_tf32_available", "enable_tf32"):
        if hasattr(cached := getattr(import_utils, name), "cache_clear"):
            cached.cache_clear()
    card(*capability)
    monkeypatch.setattr(arguments.TrainingArguments, "device", torch.device("cpu"))
    monkeypatch.setattr(arguments, "enable_tf32", lambda enable: None)
    formats = precision(Recipe(), GPU)
    half = torch.bfloat16 if capability >= (8, 0) else torch.float16
    assert formats == Precision(half, half, half)
    made = configuration(Recipe(), prepared(), formats, GPU)
    assert (made.tf32, made.bf16, made.fp16) == (rounds, half == torch.bfloat16, half == torch.float16)
    assert (made.use_cpu, made.dataloader_num_workers, made.dataloader_pin_memory) == (False, 2, True)
    assert configuration(recipe(training__workers=0), prepared(), formats, GPU).dataloader_num_workers == 0


def test_a_run_on_the_cpu_takes_no_workers_and_no_gpu(card: Any, prepared: Any) -> None:
    from tuitune.engine.objectives.sft import configuration

    card(9, 0)
    cpu = torch.device("cpu")
    made = configuration(Recipe(), prepared(), precision(Recipe(), cpu), cpu)
    assert (made.use_cpu, made.tf32, made.dataloader_num_workers, made.dataloader_pin_memory) == (True, None, 0, False)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (torch.bfloat16, torch.bfloat16, torch.bfloat16)),
        ({"quantization__bits": 4, "quantization__compute_dtype": "float32"}, (torch.bfloat16, torch.float32, None)),
        ({"training__precision": "fp32"}, (torch.float32, torch.float32, None)),
        ({"model__dtype": "float32"}, (torch.float32, torch.float32, None)),
        ({"adapter__method": "none"}, (torch.float32, torch.float32, torch.bfloat16)),
        ({"model__dtype": "float16"}, (torch.float16, torch.float16, torch.float16)),
    ],
    ids=str,
)
def test_the_formats_of_a_run_on_a_card_with_bfloat16(settings: dict[str, Any], expected: Any, card: Any) -> None:
    card(8, 0)
    formats = precision(recipe(**settings), GPU)
    assert (formats.weights, formats.compute, formats.autocast) == expected


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch for CUDA 13 whose driver is no use to it."""

    def init() -> None:
        raise RuntimeError("Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_arch_list", list)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.version, "cuda", "13.0")


CARD = "GPU-8f6d2a10-1111-2222-3333-444455556666"


@pytest.mark.parametrize("wanted", ["auto", CARD])
@pytest.mark.parametrize(
    ("nvml", "told"),
    [
        ({"driver": "550.54.15", "cuda": 12040}, ["550.54.15", "CUDA 13.0", "580", "cu126"]),
        ({"driver": "580.65.06", "cuda": 13000}, ["Error 802", "CUDA 13.0", "580.65.06", "tuitune doctor"]),
        ({"init": 4}, ["Error 802", "CUDA 13.0", "no permission to query the NVIDIA driver", "tuitune doctor"]),
    ],
    ids=["old-driver", "other-reason", "mute-driver"],
)
def test_a_run_that_was_given_a_gpu_never_trains_on_the_cpu(
    wanted: str,
    nvml: dict[str, Any],
    told: list[str],
    carried: Carry,
    without_cuda: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It fails before anything is loaded, naming driver, CUDA and remedy."""
    from tests.hardware import fake_nvml

    fake = fake_nvml.install(monkeypatch)
    memory = SimpleNamespace(total=24 * 2**30, used=0, free=24 * 2**30)
    cards = [{"uuid": CARD, "name": "NVIDIA L4", "capability": (8, 9), "memory": memory}]
    monkeypatch.setattr(fake, "state", {**fake.state, "cards": cards, **nvml})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", CARD)
    outcome = carried(hardware__gpu=wanted)
    assert (outcome.code, outcome.records("plan"), outcome.losses) == (1, [], [])
    assert all(words in str(outcome.reason) for words in [*told, 'hardware.gpu = "cpu"']), outcome.reason
    assert [record["phase"] for record in outcome.records("phase")] == ["importing"]


def test_a_card_that_this_torch_has_no_kernels_for_is_told_before_the_first(
    carried: Carry, card: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    card(7, 0)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90"])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Tesla V100")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    reason = str(carried().reason)
    assert "Tesla V100" in reason and "cu126" in reason


@pytest.mark.parametrize(("visible", "wanted"), [("", "auto"), ("-1", "auto"), ("0", "cpu"), ("NoDevFiles", "auto")])
def test_a_run_in_the_cpus_slot_leaves_gpus_alone(
    visible: str, wanted: str, card: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuitune.engine.load.device import device
    from tuitune.engine.process.environment import prepare_environment

    card(9, 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    prepare_environment()
    assert device(recipe(hardware__gpu=wanted)) == torch.device("cpu")


def test_an_engine_without_a_slot_takes_the_first_gpu_and_the_cpu_where_there_surely_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    from tuitune.engine.process import environment

    for found, certain, expected in ((["card"], True, "0"), ([], False, "0"), ([], True, "")):
        monkeypatch.setattr(
            environment,
            "GpuSampler",
            lambda found=found, certain=certain: SimpleNamespace(sample=lambda: found, certain=certain),
        )
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        environment.prepare_environment()
        assert os.environ["CUDA_VISIBLE_DEVICES"] == expected
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    environment.prepare_environment()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Has TRL launch its kernels on this CPU; each launch calls what is given."""
    from trl.kernels import chunked_logprob

    class Kernel:
        def __init__(self, launch: Callable[..., None]) -> None:
            self.launch = launch

        def __getitem__(self, grid: Any) -> Callable[..., None]:
            return self.launch

    def put(launch: Callable[..., None]) -> None:
        monkeypatch.setattr(chunked_logprob, "_TRITON_AVAILABLE", True)
        monkeypatch.setattr(chunked_logprob, "_use_triton", lambda device: True)
        monkeypatch.setattr(chunked_logprob, "triton", SimpleNamespace(cdiv=lambda a, b: -(-a // b)), raising=False)
        for name in ("_forward_kernel", "_backward_kernel"):
            monkeypatch.setattr(chunked_logprob, name, Kernel(launch))

    return put


def test_without_a_compiler_the_loss_is_computed_in_torch_and_that_is_said(
    kernels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl.kernels import chunked_logprob

    from tuitune.engine.loop import loss_head

    usual = chunked_logprob._use_triton

    def launch(*_: Any, **__: Any) -> None:
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.")

    kernels(launch)
    monkeypatch.setattr(loss_head, "why_not_compiled", lambda: "there is no C compiler; install gcc")
    reason = loss_head.why_not_triton(torch.device("cpu"), torch.float32)
    assert reason == "there is no C compiler; install gcc"
    monkeypatch.setattr(loss_head, "why_not_compiled", lambda: None)
    assert "Failed to find C compiler" in str(loss_head.why_not_triton(torch.device("cpu"), torch.float32))

    monkeypatch.setattr(chunked_logprob, "_use_triton", usual)
    monkeypatch.setattr(loss_head, "why_not_triton", lambda on, dtype: "there is no C compiler; install gcc")
    said: list[tuple[str, ...]] = []
    report: Any = SimpleNamespace(alert=lambda *given: said.append(given))
    loss_head.settle(torch.device("cpu"), torch.float32, report)
    assert usual(GPU) and not said
    loss_head.settle(GPU, torch.float32, report)
    assert not usual(GPU) and said[0][:2] == ("no-triton", "warning") and "install gcc" in said[0][2]


def test_where_the_kernels_run_they_are_used(kernels: Any) -> None:
    from tuitune.engine.loop import loss_head

    launched: list[int] = []
    kernels(lambda *_, **__: launched.append(1))
    assert loss_head.why_not_triton(torch.device("cpu"), torch.bfloat16) is None and len(launched) == 2

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("Triton Error [CUDA]: out of memory")

    kernels(full)
    with pytest.raises(RuntimeError, match="out of memory"):
        loss_head.why_not_triton(torch.device("cpu"), torch.bfloat16)


@pytest.fixture
def computes_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Precision], None]:
    """Has runs on this CPU compute in the formats that a GPU would."""
    import tuitune.engine.train as train

    return lambda formats: monkeypatch.setattr(train, "precision", lambda recipe, on: formats)


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose logits are far above 10, where one step of bfloat16 is 0.0625 and more."""
    from safetensors.torch import load_file, save_file

    folder = save_model(tmp_path_factory.mktemp("loud"), tie_word_embeddings=False)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] *= 100
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def learn(carried: Carry, model: Path, **settings: Any) -> Outcome:
    values = {"model__id": str(model), "training__max_steps": 4, "training__learning_rate": 5e-3,
              "adapter__targets": "all-linear", "adapter__dropout": 0.0, **settings}  # fmt: skip
    return carried(**values)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"quantization__bits": 4, "training__gradient_checkpointing": True},
        {"quantization__bits": 8},
        {"adapter__dora": True},
    ],
    ids=["lora", "qlora", "8-bit", "dora"],
)
def test_a_run_under_autocast_finishes_and_its_losses_are_those_without(
    settings: dict[str, Any], carried: Carry, loud: Path, computes_in: Callable[[Precision], None]
) -> None:
    computes_in(Precision(torch.bfloat16, torch.bfloat16, None))
    plain = learn(carried, loud, **settings)
    computes_in(BF16)
    under = learn(carried, loud, **settings)
    assert (plain.code, under.code) == (0, 0), (plain.reason, under.reason)
    assert under.records("artefact")[0]["reload_difference"] == 0.0
    assert max(map(abs, (a / b - 1 for a, b in zip(plain.losses, under.losses, strict=True)))) < 0.02


def test_under_autocast_less_is_kept_for_the_backward_pass() -> None:
    """The adapter's inputs in the base's 16 bits, not in float32."""
    from peft import LoraConfig, get_peft_model

    from tests.engine.support import make_model

    model = get_peft_model(
        make_model("llama").to(torch.bfloat16), LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    )

    def kept(under: torch.dtype | None) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        alive: list[torch.Tensor] = []
        with (
            torch.autograd.graph.saved_tensors_hooks(lambda t: alive.append(t) or pack(t), lambda t: t),
            torch.autocast("cpu", dtype=under, enabled=under is not None),
        ):
            model(input_ids=torch.arange(300)[None], use_cache=False)
        return sum(sizes.values())

    assert kept(torch.bfloat16) < 0.9 * kept(None)


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], bool]], None]:
    """Puts a gradient scaler into runs, whose gradients overflow at the steps (counted from 1) that are told to."""
    from tuitune.engine.objectives.sft import SftTrainer

    made = SftTrainer.__init__

    def put(overflows: Callable[[int], bool]) -> None:
        def init(self: Any, *given: Any, **named: Any) -> None:
            made(self, *given, **named)
            self.accelerator.scaler = torch.amp.GradScaler("cpu")
            weight = next(weight for weight in self.model.parameters() if weight.requires_grad)
            weight.register_hook(lambda grad: grad * math.inf if overflows(self.state.global_step + 1) else grad)

        monkeypatch.setattr(SftTrainer, "__init__", init)

    return put


def alerts(outcome: Outcome) -> list[tuple[str, int]]:
    return [(alert["id"], alert["step"]) for alert in outcome.records("alert")]


LONG = {"training__epochs": 30, "data__eval": ""}


@pytest.mark.parametrize("optimizer", ["adamw_torch_fused", "adamw_torch"])
def test_a_scaler_that_skips_every_step_is_an_alert_and_then_ends_the_run(
    carried: Carry, scaled: Any, optimizer: str
) -> None:
    """A fused optimizer is called for a skipped step too, so accelerate does not tell that it was."""
    scaled(lambda step: True)
    outcome = carried(training__max_steps=60, training__optimizer=optimizer, **LONG)
    (end,) = outcome.records("end")
    assert (outcome.code, end["cause"], end["step"]) == (1, "not-finite", 20), end
    assert alerts(outcome) == [("steps-skipped", 10), ("not-finite", 20)]
    assert 'training.precision = "bf16"' in end["reason"] and not outcome.run.adapter.exists()


def test_a_run_whose_steps_were_all_skipped_does_not_finish(carried: Carry, scaled: Any) -> None:
    scaled(lambda step: True)
    outcome = carried(training__max_steps=3, limits__nonfinite="warn")
    assert (outcome.code, outcome.records("end")[0]["cause"]) == (1, "not-finite")
    assert "3 steps were skipped" in str(outcome.reason) and not outcome.run.adapter.exists()


def test_a_scaler_that_finds_its_scale_is_no_alert(carried: Carry, scaled: Any) -> None:
    scaled(lambda step: step <= 8 or step == 12)
    outcome = carried(training__max_steps=16, **LONG)
    assert (outcome.code, alerts(outcome)) == (0, []), outcome.reason


def test_warned_of_only_a_run_goes_on_past_steps_that_are_skipped(carried: Carry, scaled: Any) -> None:
    scaled(lambda step: step <= 25)
    outcome = carried(training__max_steps=28, limits__nonfinite="warn", **LONG)
    assert (outcome.code, alerts(outcome)) == (0, [("steps-skipped", 10)]), outcome.reason


def test_the_count_of_skipped_steps_outlives_a_resume() -> None:
    from tuitune.engine.loop.health import Health
    from tuitune.engine.process.failures import NotFiniteError

    said: list[str] = []
    report: Any = SimpleNamespace(step=100, saved=90, alert=lambda kind, *_: said.append(kind))
    first, second = Health(report), Health(report)
    first.begin_scaled(2.0**16)
    for halvings in range(1, 16):
        first.scaled_step(2.0 ** (16 - halvings), Recipe(), last=False)
    second.restore(first.state())
    second.begin_scaled(2.0)
    with pytest.raises(NotFiniteError, match="resume from the checkpoint of step 90"):
        for halvings in range(1, 6):
            second.scaled_step(2.0 ** (1 - halvings), Recipe(), last=False)
    assert said == ["steps-skipped", "not-finite"]


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("CUDA driver error: out of memory"),
]


def test_answers_are_generated_in_batches_that_fit(carried: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    sizes: list[int] = []
    generate = LlamaForCausalLM.generate

    def small(self: Any, *given: Any, **named: Any) -> Any:
        sizes.append(len(named["input_ids"]))
        if sizes[-1] > 3:
            raise OUT_OF_MEMORY[len(sizes) % 2]
        return generate(self, *given, **named)

    monkeypatch.setattr(LlamaForCausalLM, "generate", small)
    prompts = [f"Where is order {number}?" for number in range(10)]
    settings = {"samples__max_new_tokens": 2, "samples__every": "end", "data__eval": ""}
    outcome = carried(samples__prompts=prompts, **settings)
    assert outcome.code == 0, outcome.reason
    assert [sample["prompt"] for sample in outcome.samples] == prompts * 2
    assert sizes[:7] == [10, 5, 2, 2, 2, 2, 2]


def test_a_prompt_that_does_not_fit_alone_is_out_of_memory(carried: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    def never(self: Any, *given: Any, **named: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(LlamaForCausalLM, "generate", never)
    outcome = carried(samples__prompts=["Where?", "When?"])
    assert (outcome.code, outcome.records("end")[0]["cause"]) == (1, "out-of-memory")


def test_a_gpus_peak_is_that_of_training_with_reserved_memory_and_context_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The peak of loading is forgotten; what the allocator reserved and what CUDA takes itself are told apart."""
    import os

    from tuitune.engine.load import device
    from tuitune.hardware.gpus import Gpu, GpuProcess

    told = {"peak": 900}
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda on: told.update(peak=100))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda on: 100)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda on: told["peak"])
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda on: 150)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda on: told["peak"] + 50)
    processes = [GpuProcess(os.getpid(), "me", 190, "python"), GpuProcess(1, "root", 10**9, "other")]
    monkeypatch.setattr(device.GpuSampler, "sample", lambda self: [Gpu(0, "GPU-1", "card", processes=tuple(processes))])
    memory = device.Memory(GPU)
    assert memory.figures()["peak_memory_bytes"] == 100
    told["peak"] = 400
    assert memory.figures() == {
        "memory_bytes": 100, "peak_memory_bytes": 400, "reserved_memory_bytes": 450, "context_memory_bytes": 40,
    }  # fmt: skip
    processes.clear()
    assert "context_memory_bytes" not in device.Memory(GPU).figures()
    assert set(device.Memory(torch.device("cpu")).figures()) == {"memory_bytes", "peak_memory_bytes"}


@pytest.mark.parametrize("theirs", [None, "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"])
def test_gpu_memory_grows_in_segments_unless_the_user_says_otherwise(
    theirs: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from tuitune.engine.process.environment import prepare_environment

    monkeypatch.setattr(os, "environ", {theirs: "max_split_size_mb:128"} if theirs else {})
    prepare_environment()
    found = {name: value for name, value in os.environ.items() if "ALLOC_CONF" in name}
    assert found == (
        {theirs: "max_split_size_mb:128"} if theirs else {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
    )


@pytest.mark.parametrize(
    ("settings", "kind", "key"),
    [
        ({}, "gemma3_text", "training.precision"),
        ({"adapter__bias": "all"}, "llama", "adapter.bias"),
        ({"adapter__bias": "lora_only", "model__dtype": "float32"}, "llama", None),
        ({}, "qwen2", None),
    ],
)
def test_what_float16_cannot_train_is_refused_on_a_card_without_bfloat16(
    settings: dict[str, Any], kind: str, key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from tuitune.hardware.gpus import Gpu
    from tuitune.planning.preflight import check

    monkeypatch.setitem(ARCHITECTURES, "gemma3_text", {"query_pre_attn_scalar": 16})
    save_model(tmp_path / "model", kind)
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"prompt": f"{n}?", "completion": "x"}) + "\n" for n in range(50))
    )
    wanted = recipe(model__id="model", data__train="rows.jsonl", **settings)
    for capability, refused in (((7, 5), key), ((8, 6), None)):
        card = Gpu(0, "GPU-1", "card", memory_total=10**11, memory_free=10**11, capability=capability)
        looked = check(wanted, base=tmp_path, gpus=[card])
        assert [problem.key for problem in looked.errors] == ([refused] if refused else []), capability
        warned = "float16-overflow" in [advice.id for advice in looked.advice]
        assert warned == (kind == "qwen2" and capability < (8, 0))


def test_the_engine_refuses_it_before_the_weights_are_loaded(
    carried: Carry, computes_in: Callable[[Precision], None]
) -> None:
    computes_in(Precision(torch.float16, torch.float16, torch.float16))
    outcome = carried(adapter__bias="all")
    assert (outcome.code, outcome.records("plan")) == (1, [])
    assert "adapter.bias" in str(outcome.reason) and "loading" not in [
        record["phase"] for record in outcome.records("phase")
    ]


@pytest.mark.parametrize(("visible", "expected"), [("3,1", "3"), (None, "0")])
def test_the_tests_for_gpus_choose_one_before_anything_looks_for_cuda(visible: str | None, expected: str) -> None:
    """trl refuses a process that sees several, and CUDA reads the variable once."""
    import os
    import subprocess
    import sys

    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    environment |= {"CUDA_VISIBLE_DEVICES": visible} if visible else {}
    script = (
        "import os, sys, tests.gpu.conftest; print(os.environ['CUDA_VISIBLE_DEVICES'], 'torch' in sys.modules, end='')"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, text=True)
    assert done.stdout == f"{expected} False", done.stderr
