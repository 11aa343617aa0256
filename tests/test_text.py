"""Foreign text made harmless, for any text whatever."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.payloads import CONTROL_PAYLOADS, MARKUP_PAYLOADS
from tuitune.text import clean, redact, strip_ansi

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ANYTHING = st.text(st.characters(), max_size=200) | st.text(
    st.sampled_from("\x1b[]()mHJ0;:\\\x07\x9b\x9c\x9d\x00\t\r\n\u202e\ud800\u0301éab 中"), max_size=60
)


@given(ANYTHING)
def test_nothing_unsafe_comes_out(text: str) -> None:
    assert not UNSAFE.search(clean(text))


@given(ANYTHING)
def test_newlines_are_kept_where_asked_for_and_nothing_else_unsafe(text: str) -> None:
    assert not UNSAFE.search(clean(text, newlines=True).replace("\n", ""))


@given(ANYTHING)
def test_clean_text_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(ANYTHING, st.integers(0, 40))
def test_the_limit_holds(text: str, limit: int) -> None:
    assert len(clean(text, limit=limit)) <= limit


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])))
def test_plain_text_is_untouched(text: str) -> None:
    assert clean(text) == text
    assert strip_ansi(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\x1b[2Jb", "a␛[2Jb"),
        ("a\x00b\x7fc", "a␀b␡c"),
        ("a\tb", "a    b"),
        ("a\nb\r\nc", "a⏎b⏎c"),
        ("x\u202ey", "x\ufffdy"),
        ("x\x9by", "x\ufffdy"),
        ("x\ud800y", "x\ufffdy"),
        ("[/red] $x {y}", "[/red] $x {y}"),
        ("a\u0301\u0301\u0301\u0301\u0301", "a\u0301\u0301\u0301"),
    ],
)
def test_what_is_unsafe_becomes_visible(text: str, seen: str) -> None:
    assert clean(text) == seen


def test_a_text_over_the_limit_ends_in_an_ellipsis() -> None:
    assert clean("abcdef", limit=4) == "abc…"
    assert clean("abcd", limit=4) == "abcd"
    assert clean("a\r\nb", limit=3, newlines=True) == "a\nb"


@pytest.mark.parametrize("payload", [*CONTROL_PAYLOADS.values(), *MARKUP_PAYLOADS.values()])
def test_the_payloads_come_out_harmless(payload: str) -> None:
    assert not UNSAFE.search(clean(payload))


@given(ANYTHING)
def test_no_escape_sequence_is_left(text: str) -> None:
    assert not re.search("\x1b|\x9b|\x9d", strip_ansi(text))


def test_escape_sequences_go_and_their_text_stays() -> None:
    coloured = "\x1b[1;31merror\x1b[0m: \x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\ \x9b2Jdone\x1b(B"
    assert strip_ansi(coloured) == "error: here done"
    assert strip_ansi("before \x1b]0;never ended") == "before "
    assert strip_ansi("cut off \x1b[38;5") == "cut off "


@pytest.mark.parametrize(
    "secret",
    [
        "hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh",
        "api_org_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh",
        "sk-proj-T3st_0123456789abcdef-0123",
        "sk-ant-api03-0123456789abcdefghij",
        "sk-or-v1-0123456789abcdef0123456789abcdef",
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
        "{'authorization': 'Bearer AbCdEf'}",
        "Authorization: Basic AbCdEf==",
        "ghp_0123456789abcdefghij0123456789abcdef",
        "github_pat_0123456789abcdefghij01_0123456789abcdef",
        "glpat-0123456789abcdefghij",
        "https://me:hunter22@example.com/x",
        "https://0123456789abcdefghij@example.com/x",
        "redis://:hunter22@example.com/x",
        "postgres://me:hunter22/0123456789@example.com/x",
        "https://example.com/x?X-Amz-Signature=0123456789abcdef&a=b",
        "https://example.com/x?a=b&token=0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.0123456789",
        "gsk_0123456789abcdefghij",
        "AKIAIOSFODNN7EXAMPLE",
        "api_key='0123456789abcdef0123456789abcdef01234567'",
        "https://example.com/x?sv=1&sig=0123456789abcdef%3D&se=2",
        "https://example.com/x?auth=0123456789abcdef#access_token=0123456789abcdef",
        "AccountName=me;AccountKey=0123456789abcdef0123456789==",
        "password=hunter22",
        "passphrase: hunter22",
        "{'db_password': 'hunter22 and more'}",
        "--password hunter22",
        "--hf-token 0123456789abcdef",
        "client_secret=0123456789abcdefghij",
        "ya29.0123456789abcdefghij",
        "SG.0123456789abcdefghij.0123456789abcdefghij",
        "npm_0123456789abcdefghij0123456789abcdef",
        "https://hooks.slack.com/services/T0123456789/B0123456789/0123456789abcdef",
        "-----BEGIN RSA PRIVATE KEY-----\n0123456789\nAbCdEf\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\n0123456789\\nAbCdEf\\n-----END PRIVATE KEY-----",
    ],
)
def test_credentials_are_hidden(secret: str) -> None:
    shown = redact(f"token {secret} was refused")
    assert "•••" in shown
    assert redact(shown) == shown
    for part in ("AbCdEf", "0123456789", "eyJhbG", "hunter22", "IOSFODNN7"):
        assert part not in shown
    assert shown.startswith("token ") and shown.endswith(" was refused")


def test_values_of_secret_variables_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANY_API_KEY", "correct-horse-battery")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "parallelism")
    assert redact("using correct-horse-battery with parallelism") == "using ••• with parallelism"


@pytest.mark.parametrize(
    "name",
    [
        *("OPENAI_KEY", "my_token", "HF_TOKEN_2", "HF_TOKEN2", "MYSQL_PWD", "SECRET_KEY_BASE", "PGPASSWORD"),
        *("GITHUBTOKEN", "AUTHTOKEN", "SSHPASS", "SSH_PASSPHRASE", "NPM_AUTH", "JWT", "SERVICE_JWT", "MY_SECRET_VALUE"),
        *("SLACK_WEBHOOK_URL", "AZURE_STORAGE_CONNECTION_STRING", "BLOB_SAS", "API_TOKEN_OLD"),
    ],
)
def test_variables_are_secret_by_their_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, 'correct "horsé" battery')
    assert redact('it is correct "horsé" battery, or correct \\"hors\\u00e9\\" battery') == "it is •••, or •••"


def test_a_key_of_several_lines_is_hidden_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["MIIEowIBAAKCAQEA0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345+/=="]
    monkeypatch.setenv("DEPLOY_KEY", "\n".join(["-----BEGIN KEY-----", *lines, "-----END KEY-----"]))
    assert redact(f"it begins {lines[0]} and ends {lines[1]}") == "it begins ••• and ends •••"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PWD",
            "OLDPWD",
            "KEYBOARD",
            "MONKEY",
            "TOKENS_PER_STEP",
            "TOKENIZER",
            "MAX_TOKENS",
            "PAD_TOKEN",
            "EOS_TOKEN",
        ),
        *("HF_TOKEN_PATH", "SSH_AUTH_SOCK", "PGPASSFILE", "AUTHOR", "COMPASS", "BYPASS", "XAUTHORITY", "PATH"),
    ],
)
def test_variables_with_other_names_are_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/a/long/enough/folder")
    assert redact("in /a/long/enough/folder") == "in /a/long/enough/folder"


@pytest.mark.parametrize(
    "text",
    [
        "risk-averse sk-learn hf_home at https://example.com:8080/a",
        "pip install hf_transfer; set HF_HUB_ENABLE_HF_TRANSFER or hf_hub_download, hf_bucket_endpoints2",
        "api_org_settings_of_customers, ghs_of_old_and_new_repositories",
        "opus-mt-sk-translation sk-wikipedia-2023-11-dump sk-conversational-instructions",
        "the bearer certificate, Bearer securities. a bearer of news",
        "authorization: required",
        "api_key=self._settings.api_key_value, access_key: configured_elsewhere_by_you",
        "rapid_sha = 0123456789abcdef0123456789abcdef01234567",
        "api_file: /srv/data/of/2024/a-quite-long-folder-name/rows.jsonl",
        '{"url": "http://a", "b": "c@d"}',
        "tokenizer=meta-llama/Llama-3.2-1B-Instruct-20241001, max_tokens=12345678901234567890123",
        "pad_token: '<|finetune_right_pad_id_0123456789|>', eos_token=reserved_special_token_0123456789",
        '{"tokenizer_class": "PreTrainedTokenizerFast2023", "max_new_tokens": 256, "bos_token_id": 128000}',
        "sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef, token_hash=0123456789abcdef01234",
        "--tokenizer 0123456789 --max-tokens=12345678 --pad-token reserved_token_12",
        "password: required; password=None, password=self.password, password = getpass(), passwords=12345678",
        "cwd=/srv/data/of/2024 pwd=/srv/data/of/2024, bypass=0123456789abcdefghij, compass: 12345678",
        "https://example.com/x?config=0123456789abcdef&design=abcdefghijkl&revision=0123456789abcdef01234567",
        "Password: 5 attempts left. -----BEGIN CERTIFICATE----- 0123456789",
        "tokens=12345678 and https://example.com/x?tokens=3&key=short",
        "https://example.com/@user/0123456789abcdef, git@github.com:0123456789/abcdef.git",
    ],
)
def test_ordinary_words_are_not_taken_for_secrets(text: str) -> None:
    assert redact(text) == text
