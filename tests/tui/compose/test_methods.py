"""Methods and the options of tuners, chosen by keys."""

from __future__ import annotations

from tests.tui.compose.test_compose import composing, go, text_of
from tests.tui.compose.test_pickers import fill, open_field
from tests.tui.conftest import until
from tuitune.rewards import REWARDS
from tuitune.tui.compose.method_picker import MethodPicker
from tuitune.tui.compose.options_dialog import OptionsDialog


async def test_choosing_a_method_leaves_other_settings_as_they_are() -> None:
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "adapter.method")
        await fill(pilot, "prefix")
        await until(pilot, lambda: "packing has no effect" in text_of(pilot))
        await fill(pilot, "vera")
        assert pilot.app.screen.list.current == "vera"  # and not pvera, which comes first
        await fill(pilot, "prefix")
        await pilot.press("enter")
        adapter = screen.draft.recipe.adapter
        assert adapter.method == "prefix" and screen.draft.recipe.data.packing
        assert not screen.draft.recipe.packs
        await go(pilot, screen, "data.packing")
        assert "not with Prefix tuning" in text_of(pilot)
        await open_field(pilot, screen, "adapter.method")
        await fill(pilot, "lora")
        await pilot.press("enter")
        assert screen.draft.recipe.packs
        await go(pilot, screen, "data.packing")
        assert "not with" not in text_of(pilot)


async def test_a_method_that_does_not_go_with_the_recipe_stays_with_its_reason() -> None:
    async with composing() as (pilot, screen):
        screen.draft.set_values({"quantization.bits": 4})
        await open_field(pilot, screen, "adapter.method")
        await fill(pilot, "delora")
        await until(pilot, lambda: "codes" in text_of(pilot))
        await pilot.press("enter")
        [toast] = pilot.app._notifications
        assert "DeLoRA does not go with 4-bit weights" in toast.message and "bits to 16" in toast.message
        assert isinstance(pilot.app.screen, MethodPicker) and screen.draft.recipe.adapter.method == "lora"
        await fill(pilot, "poly")
        await until(pilot, lambda: "number of its task" in text_of(pilot))


async def test_rewards_are_ticked_and_weighed_in_a_list_and_typed_where_that_is_not_enough() -> None:
    async with composing() as (pilot, screen):
        screen.draft.set_values({"objective.kind": "grpo"})
        await open_field(pilot, screen, "rewards.weights")
        await until(pilot, lambda: all(f"[ ] {name}" in text_of(pilot) for name in REWARDS))
        await pilot.press("space", "down", "space", "right", "enter")
        first, second = [*REWARDS][:2]
        assert screen.draft.recipe.rewards.weights == {first: 1.0, second: 2.0}
        await open_field(pilot, screen, "rewards.weights")
        await pilot.press("space", "e")
        await until(pilot, lambda: screen.form.editing == "rewards.weights")
        await pilot.press("end", *", x = 3", "enter")
        assert screen.draft.recipe.rewards.weights == {second: 2.0, "x": 3.0}
        assert f"the rewards are {', '.join(REWARDS)}" in screen.composing.errors[0].message


async def test_options_of_a_tuner_are_a_form_of_their_own() -> None:
    async with composing() as (pilot, screen):
        screen.draft.set_values({"adapter.method": "vera"})
        await open_field(pilot, screen, "adapter.options")
        await until(pilot, lambda: "projection_prng_key" not in text_of(pilot) and "vera_dropout" in text_of(pilot))
        dialog = pilot.app.screen
        assert isinstance(dialog, OptionsDialog)
        await pilot.press("a")
        assert "projection_prng_key" in text_of(pilot) and "advanced" in text_of(pilot)
        await pilot.press("enter", "ctrl+u", *"many", "enter")
        assert "expected a whole number" in text_of(pilot)
        await pilot.press("ctrl+u", "8", "enter", "escape")
        assert screen.draft.recipe.adapter.options == {"r": 8}
        assert "r = 8" in text_of(pilot)
