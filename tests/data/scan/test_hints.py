"""What is hinted at from a close look at rows: personal data, languages, decisions about people, and advice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from tuitune.data.scan.advice import advise
from tuitune.data.scan.languages import languages
from tuitune.data.scan.personal import personal_in
from tuitune.data.scan.sample import NAMED, TEXTS, ScanSample, about_people
from tuitune.data.scan.tally import Reading, Tally, count_rows
from tuitune.data.sources.rows import Row

CHAT = Reading("columns", {"prompt": "q", "completion": "a"})


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to anna.b+c@mail.example.org today", ["email"]),
        ("call +49 (30) 1234 5678 or (212) 555-0199", ["phone"]),
        ("card 4111 1111 1111 1111, valid", ["card"]),
        ("378282246310005", ["card"]),
        ("IBAN DE89 3704 0044 0532 0130 00", ["iban"]),
        ("key AKIAIOSFODNN7EXAMPLE", ["key"]),
        ("hf_abcdefghijklmnopqrstuvwxyz", ["key"]),
        ("sk-abcdefghijklmnopqrstuvwx", ["key"]),
        ("-----BEGIN RSA PRIVATE KEY-----", ["key"]),
        ("ghp_0123456789012345678901234567890123456", ["key"]),
    ],
)
def test_personal_data_is_recognised(text: str, kinds: list[str]) -> None:
    assert list(personal_in(text)) == kinds


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "DE89 3704 0044 0532 0130 01",
        "12345678901234567890123456789",
        "1,234,567,890 and 2024-01-01T00:00:00.123456",
        "version 10.20.30.40, pi is 3.14159265358979",
        "a @ b, @home, x@y",
        "ask-me, sk-short, the sketch hf_short",
        "",
        "@" * 5_000 + "-" * 5_000 + "1 " * 5_000,
    ],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert list(personal_in(text)) == []


def test_decisions_about_people() -> None:
    assert about_people("Should we hire this applicant? Reject or approve.")
    assert not about_people("The applicant wrote a poem.")
    assert not about_people("Approve the pull request.")


def test_no_language_is_told_of_texts_that_do_not_show_it() -> None:
    short = [f"How many parcels go to {city} on day 3? 9 parcels go to {city}." for city in ("Riga", "Oslo", "Accra")]
    assert "pcm" not in languages(short), "English with foreign names is no Nigerian Pidgin"


def test_languages_are_shares_of_the_texts() -> None:
    english = "The quick brown fox jumps over the lazy dog near the river bank."
    german = "Der schnelle braune Fuchs springt über den faulen Hund am Flussufer."
    found = languages([english] * 3 + [german, "1234", ""])
    assert found == {"en": 0.75, "de": 0.25}
    assert languages([]) == languages(["12", "…"]) == {}


def tallied(rows: Sequence[dict[str, Any]], reading: Reading = CHAT) -> Tally:
    total = Tally(reading)
    for part, _ in count_rows((Row(number, number, row) for number, row in enumerate(rows, 1)), reading):
        total.merge(part)
    return total


def advice(rows: Sequence[dict[str, Any]], reading: Reading = CHAT, duplicates: int = 0, **more: Any) -> dict[str, str]:
    found = advise(tallied(rows, reading), duplicates, more)
    assert [one["level"] for one in found] == sorted((one["level"] for one in found), reverse=True)
    return {one["id"]: one["message"] for one in found}


def pair(
    number: int = 0, answer: str = "An answer that says something of use to whoever asked for it."
) -> dict[str, str]:
    return {"q": f"Question {number}?", "a": answer}


def test_rows_are_held_against_what_tasks_take() -> None:
    assert advice([pair()] * 50)["rows"].startswith("50 usable rows are too few")
    few = advice([pair()] * 600)["rows"]
    assert "enough for style, behaviour" in few and "new task 5,000 (10,000)" in few
    assert "rows" not in advice([pair()] * 10_000)
    assert advice([pair(), {"q": "no answer"}])["rows"].startswith("1 usable row is too few")


def test_classes_out_of_balance_are_named() -> None:
    rows = [pair(number, "spam" if number % 10 else "ham\x1b") for number in range(200)]
    message = advice(rows)["class-imbalance"]
    assert "2 classes" in message and "90 % of them 'spam'" in message and "\x1b" not in message
    assert "class-imbalance" not in advice([pair(number, ("spam", "ham")[number % 2]) for number in range(200)])
    assert "class-imbalance" not in advice([pair(number, "spam") for number in range(200)])


def test_lengths_out_of_balance_and_rows_too_long() -> None:
    rows = [pair(number, "a word " * (300 if number % 20 == 0 else 10)) for number in range(200)]
    assert "5 % of the answers are over ten times" in advice(rows)["length-imbalance"]
    assert "row 3 has 200," in advice([pair(), pair(), pair(0, "x" * 200_000)])["over-long"]
    short = advice(rows[1:10] * 9 + [pair(0, "Yes.")] * 9)["short-answers"]
    assert "10 % of the answers are under 50" in short and "rows 82, 83, 84" in short


def test_characters_that_were_lost_are_told_by_row() -> None:
    rows = [pair(number) for number in range(60)]
    rows[6], rows[30] = (
        pair(6, "Sch\ufffdn, und so weiter und so fort bis zum Ende."),
        {"q": "W\ufffdrum?", "a": "Darum."},
    )
    message = advice(rows)["lost-characters"]
    assert message.startswith("2 of 60 sampled rows have") and "rows 7, 31" in message and "U+FFFD" in message
    assert "lost-characters" not in advice([pair()] * 60)


def test_personal_data_names_rows_and_never_what_is_in_them() -> None:
    rows = [pair(number, f"Mail person{number}@example.org, or not.") for number in range(30)] + [pair()] * 10
    message = advice(rows)["personal-email"]
    assert message.startswith("30 of 40 sampled rows have an e-mail address (rows 1, 2, 3, 4, 5, …)")
    assert "example.org" not in message
    assert len(tallied(rows).sample.hints["email"].rows) == NAMED


def test_other_advice() -> None:
    found = advice([pair(0, "Reject the applicant\x07.")] * 100, duplicates=99, en=0.7, de=0.3)
    assert "bias" in found["people"]
    assert "99 rows (99 %) repeat" in found["duplicates"]
    assert "en 70 %, de 30 %" in found["languages"]
    assert "100 of 100 sampled rows" in found["control-characters"]


def test_a_sample_of_many_rows_thins_out() -> None:
    sample = ScanSample()
    seen = 0
    for number in range(1, 40_001):
        if number % sample.every == 0:
            seen += 1
            sample.add({"text": "x"}, number)
    assert 5_000 <= seen <= 25_000


def test_texts_are_kept_from_all_over_the_rows() -> None:
    whole = ScanSample()
    for part in range(40):
        sample = ScanSample()
        for number in range(300):
            sample.add({"text": f"{part * 300 + number}"}, number)
        whole.merge(sample)
    kept = [int(text) for text in whole.texts]
    assert TEXTS // 2 <= len(kept) <= TEXTS
    assert sorted(kept) == kept and {later - earlier for earlier, later in pairwise(kept)} == {16}
