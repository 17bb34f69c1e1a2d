from __future__ import annotations

import logging

import pytest
from huggingface_hub import constants

from egoclean.errors import UsageError
from egoclean.sources.secrets import find_token, install_redaction, redact

ONE, TWO = "hf_FirstTokenForTests0000000000001", "hf_SecondTokenForTests000000000002"


@pytest.fixture(autouse=True)
def no_token(monkeypatch, tmp_path):
    for name in ("HF_TOKEN", "HF_KEY", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)


def test_no_token():
    assert find_token() is None


@pytest.mark.parametrize("name", ["HF_TOKEN", "HF_KEY"])
def test_the_environment_beats_the_file_and_both_names_work(monkeypatch, tmp_path, name):
    (tmp_path / ".env").write_text(f"# a comment\nOTHER=1\nexport {name} = '{ONE}'\n")
    assert find_token().value == ONE
    monkeypatch.setenv(name, f" {TWO}\n")
    assert find_token().value == TWO


def test_the_usual_name_beats_the_other(monkeypatch):
    monkeypatch.setenv("HF_KEY", ONE)
    monkeypatch.setenv("HF_TOKEN", TWO)
    assert find_token().value == TWO


def test_a_login_of_the_hub_is_used_last(tmp_path, monkeypatch):
    (tmp_path / "login").write_text(ONE)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "login"))
    assert find_token().value == ONE
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    assert find_token() is None


def test_a_token_shows_itself_nowhere(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", ONE)
    token = find_token()
    assert ONE not in f"{token} {token!r} {[token]}"


@pytest.mark.parametrize("value", ["hf_with space inside", "hf_tökën", "hf_a\tb"])
def test_what_cannot_be_a_token_is_refused_without_showing_it(monkeypatch, value):
    monkeypatch.setenv("HF_TOKEN", value)
    with pytest.raises(UsageError, match="HF_TOKEN in the environment") as caught:
        find_token()
    assert value not in str(caught.value)


def test_every_kind_of_secret_is_hidden(monkeypatch):
    monkeypatch.setenv("HF_KEY", "an-unusual-token-without-prefix")
    find_token()
    text = (
        f"{ONE} an-unusual-token-without-prefix Authorization: Bearer abc.def "
        "https://cdn/x?response=1&X-Amz-Signature=aaa&Expires=123&Key-Pair-Id=K1&Policy=eyJ end"
    )
    assert redact(text) == (
        "[hidden] [hidden] Authorization: Bearer [hidden] "
        "https://cdn/x?response=1&X-Amz-Signature=[hidden]&Expires=[hidden]&Key-Pair-Id=[hidden]&Policy=[hidden] end"
    )


def test_ordinary_text_is_left_alone():
    for text in ("hf_hub_download of factory_001", "a=1&b=2", "the bearer of news"):
        assert redact(text).startswith(text[:10])


def test_any_logger_hides_secrets(caplog):
    install_redaction()
    install_redaction()
    logging.getLogger("httpx").warning("GET %s with %s", "https://cdn/x?sig=abc", ONE)
    try:
        raise ValueError(f"bad {ONE}")
    except ValueError:
        logging.getLogger("other").exception("failed %d%%", 3)
    assert ONE not in caplog.text
    assert "sig=[hidden]" in caplog.text
    assert "failed 3%" in caplog.text
    assert "ValueError: bad [hidden]" in caplog.text
