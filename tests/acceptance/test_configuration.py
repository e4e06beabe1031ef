"""What an operator sees of settings before anything runs, and secrets that are in files."""

import pytest
from acceptance.terminal import SANDBOX
from worlds.sample_keys import SECRETS_KEY

REAL = {
    "redis_url": "redis://127.0.0.1:6379",
    "payments_url": "https://payments.example",
    "credits_url": "https://credits.example",
    "payments_token": "said-to-nobody",
    "secrets_key": SECRETS_KEY,
}


def test_every_setting_is_printed_with_its_source_and_no_secret(terminal, tmp_path):
    (tmp_path / "token").write_text("of-a-file\n")
    given = REAL | {"credits_token_file": tmp_path / "token", "redis_url": "redis://:pw@127.0.0.1"}
    code, out, err = terminal.run("check-config", **given)
    assert code == 0, err
    lines = dict(line.split("=", 1) for line in out.splitlines())
    assert lines["BULK_CANCEL_PAYMENTS_URL"] == "https://payments.example  [environment]"
    assert lines["BULK_CANCEL_PAYMENTS_TOKEN"] == "(set, not shown)  [environment]"
    assert lines["BULK_CANCEL_CREDITS_TOKEN"] == "(set, not shown)  [file]"
    assert lines["BULK_CANCEL_REDIS_URL"] == "(set, not shown)  [environment]"
    assert lines["BULK_CANCEL_SMTP_URL"] == "(unset)  [default]"
    assert lines["BULK_CANCEL_CONCURRENCY"] == "64  [default]"
    for secret in ("said-to-nobody", "of-a-file", SECRETS_KEY, "pw@"):
        assert secret not in out + err
    assert "note: BULK_CANCEL_SMTP_URL is unset: messages to clients are not sent" in err


def test_all_that_a_start_refuses_is_told_a_line_each(terminal):
    given = REAL | {"payments_url": "http://payments.example"}
    del given["secrets_key"]
    code, _, err = terminal.run("check-config", "--host=0.0.0.0", **given)
    assert code == 1
    told = [line for line in err.splitlines() if line.startswith("refused: ")]
    assert [line.split()[1] for line in told] == [
        "BULK_CANCEL_PAYMENTS_URL",
        "BULK_CANCEL_SECRETS_KEY",
        "BULK_CANCEL_ALLOWED_HOSTS",
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"colour": "blue"}, "BULK_CANCEL_COLOUR is not a setting"),
        ({"concurrency": "many"}, "BULK_CANCEL_CONCURRENCY: "),
        ({}, "BULK_CANCEL_PAYMENTS_URL and BULK_CANCEL_CREDITS_URL must be set"),
    ],
)
def test_what_is_wrong_by_itself_is_told_there_too(terminal, given, told):
    nothing = dict.fromkeys(terminal.settings, "")
    code, _, err = terminal.run("check-config", **nothing | given)
    assert code == 1
    assert f"refused: {told}" in err


@pytest.mark.parametrize("command", [["api", "--port=0"], ["worker"]])
def test_no_start_takes_what_is_unsafe(command_line, command):
    given = REAL | {"payments_url": "http://payments.example"}
    code, (line,) = command_line(*command, **given)
    assert code == 1
    assert line.startswith("bulk-cancel: BULK_CANCEL_PAYMENTS_URL must begin with https://")


def test_an_api_for_others_must_know_its_names(command_line):
    code, (line,) = command_line("api", "--host=0.0.0.0", "--port=0", **SANDBOX)
    assert code == 1
    assert line.startswith("bulk-cancel: BULK_CANCEL_ALLOWED_HOSTS must say")


def test_a_secret_in_a_file_is_taken_without_the_end_of_its_line(terminal, tmp_path):
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/elsewhere.db\r\n")
    unset = {"database_url": ""}
    terminal.ok("migrate", **unset, database_url_file=tmp_path / "url")
    assert (tmp_path / "elsewhere.db").exists()


def test_a_file_that_holds_no_secret_is_told_by_its_variable(command_line, tmp_path):
    files = {"empty": b"\n", "large": b"x" * (64 * 1024 + 1), "binary": b"\xff\xfe"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in (*files, "absent", "."):
        code, (line,) = command_line("migrate", payments_token_file=str(tmp_path / name))
        assert code == 1
        assert line.startswith("bulk-cancel: BULK_CANCEL_PAYMENTS_TOKEN_FILE: "), name


def test_a_secret_is_given_once(command_line, tmp_path):
    (tmp_path / "token").write_text("t")
    both = {"payments_token": "t", "payments_token_file": str(tmp_path / "token")}
    code, (line,) = command_line("migrate", **both)
    assert code == 1
    assert "BULK_CANCEL_PAYMENTS_TOKEN_FILE and BULK_CANCEL_PAYMENTS_TOKEN are both set" in line


def test_what_is_no_secret_is_in_no_file(command_line):
    code, (line,) = command_line("migrate", concurrency_file="/dev/null")
    assert code == 1
    assert line.startswith("bulk-cancel: BULK_CANCEL_CONCURRENCY_FILE is not a setting")
