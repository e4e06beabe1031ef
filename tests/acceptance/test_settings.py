"""Each start reads its settings, and says in one line what is wrong.

It names the variable, and there is never a traceback.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from postgresql_databases import administer, in_a_thread

from app.config.settings import Settings

ROOT = Path(__file__).parents[2]
SANDBOX = {"PAYMENTS_URL": "sandbox", "CREDITS_URL": "sandbox"}
NO_NUMBER, NO_SECONDS = ["ten", "1,5", "nan"], ["soon", "-1", "1e300", "inf"]
NO_TOKEN = ["two words", "näh", "x" * 5000]
NO_HTTP_URL = [
    "payments.example",
    "ftp://payments.example",
    "http://h:99999",
    "http://h/a b",
    "http://h/?a=b",
    "http://[",
]
NO_PREFIX = ["studio", "/studio/", "/a/../b", "/%62", "/studio?x=1", "/v1"]
NO_ISSUER = ["http://issuer.example", "http://10.0.0.1/", "https://ada:secret@issuer.example"]
NO_CLAIM = ["two words", "näh", "x" * 256]
NO_ADDRESS = ["studio", "a b@studio.example", "Studio <a@studio.example>", "a@", "é@studio.example"]
# A name longer than a file's may be, a folder, and a file in a file.
NO_FILE = ["x" * 300, "/", "/dev/null/books"]
WRONG = {
    "database_url": [
        "nonsense",
        "mysql://h/db",
        "postgresql://h:99999/db",
        "postgresql://h:x/db",
        "postgresql://h/db?sslmode=maybe",
        "postgresql://h/db?fallback=1",
        "postgresql+psycopg://h/db",
        "postgresql://h/db?port=none",
        "postgresql://h1,h2:0/db",
        "postgresql://h1,h2/db?target_session_attrs=any",
        "sqlite:///:memory:",
    ],
    "database_pool": ["many", "0", "201", "2.5"],
    "database_prepared_statements": ["maybe", "2", "-"],
    "database_isolation": ["maybe", "2", "-"],
    "redis_url": [
        "localhost:6379",
        "http://localhost",
        "redis://h:99999",
        "redis://h/zero",
        "redis://",
        "redis://h:x",
        "rediss://h/0?ssl_cert_reqs=none",
    ],
    "worker_address": ["9101", ":9101", "host:9101", "127.0.0.1", "127.0.0.1:0", "::1:9101"],
    "redis_namespace": ["two words", "a*b", "x" * 65],
    "payments_provider": ["Stripe", "paypal", "7", "stripe"],
    "payments_url": [*NO_HTTP_URL, "Sandbox"],
    "payments_token": NO_TOKEN,
    "payments_calls_per_second": ["fast", "0", "inf"],
    "credits_url": [*NO_HTTP_URL, "https://credits.example"],
    "credits_token": NO_TOKEN,
    "hooks_secret": ["whsec_", "secret", "whsec_!!!", "   "],
    "stripe_hooks_secret": ["whsec_", "secret", "whsec_,,,", "   "],
    "secrets_key": ["short", "näh", "A" * 43, "   "],
    "secrets_file": NO_FILE,
    "evidence_key": ["short", "näh", "A" * 43, "   "],
    "evidence_file": NO_FILE,
    "webhook_networks": ["everywhere", "10.0.0.0/33", "10.0.0.1/8"],
    "webhook_ports": ["https", "0", "65536", "   "],
    "webhook_timeout_seconds": NO_SECONDS,
    "smtp_url": [
        "relay.example",
        "http://relay.example",
        "smtp://relay.example:99999",
        "smtp://user@relay.example",
        "smtp://relay.example?tls=maybe",
        "smtps://relay.example?tls=none",
        "smtp://relay.example/path",
        "smtp://relay.example",
    ],
    "smtp_timeout_seconds": NO_SECONDS,
    "smtp_connections": [*NO_NUMBER, "0", "101"],
    "mail_from": NO_ADDRESS,
    "mail_bounces": [*NO_ADDRESS, f"{'b' * 28}@studio.example"],
    "outbox": ["x" * 300, "/dev/null", "/dev/null/outbox"],
    "upstream_timeout_seconds": [*NO_SECONDS, "26"],
    "upstream_quiescence_seconds": [*NO_SECONDS, "20"],
    "concurrency": [*NO_NUMBER, "0", "1001"],
    "lease_seconds": [*NO_SECONDS, "3"],
    "slice_seconds": NO_SECONDS,
    "sweep_seconds": NO_SECONDS,
    "verify_seconds": NO_SECONDS,
    "slices_per_job": [*NO_NUMBER, "0", "65"],
    "give_up_after_seconds": NO_SECONDS,
    "look_up_first": ["maybe", "2", "-"],
    "check_lines": [*NO_NUMBER, "0", "20001"],
    "check_seconds": NO_SECONDS,
    "sandbox_url": NO_HTTP_URL,
    "sandbox_books": NO_FILE,
    "body_limit_bytes": [*NO_NUMBER, "1", str(1 << 50)],
    "import_limit_bytes": [*NO_NUMBER, "1", str(1 << 50)],
    "body_seconds": NO_SECONDS,
    "import_seconds": NO_SECONDS,
    "silence_seconds": NO_SECONDS,
    "keep_alive_seconds": NO_SECONDS,
    "requests_per_second": [*NO_NUMBER, "0", "-1"],
    "business_requests_per_second": [*NO_NUMBER, "0", "-1"],
    "streams_per_key": [*NO_NUMBER, "0", "100001"],
    "streams_per_business": [*NO_NUMBER, "0", "100001"],
    "public_url": NO_HTTP_URL,
    "root_path": NO_PREFIX,
    "allowed_hosts": ["https://book.example", "book.example:443", "*.*.example", "   "],
    "plain_http_hosts": ["http://h", "h:80", "*", "*.internal", "   "],
    "wrong_keys_per_minute": [*NO_NUMBER, "0", "1000001"],
    "trusted_proxies": ["everywhere", "10.0.0.0/33", "10.0.0.1/8"],
    "jwt_issuer": [*NO_HTTP_URL, *NO_ISSUER, "https://issuer.example"],
    "jwt_audience": ["two words", "näh", "x" * 256, "bulk-cancel"],
    "jwt_jwks_url": [*NO_HTTP_URL, *NO_ISSUER, "https://issuer.example/keys"],
    "jwt_type": ["jwt", "id_token", "7"],
    "jwt_business_claim": NO_CLAIM,
    "jwt_roles_claim": NO_CLAIM,
    "jwt_scopes_claim": [*NO_CLAIM, "scope"],
    "jwt_platform_role": [*NO_CLAIM, "operator"],
    "jwt_client_id": ["two words", "näh", "console"],
    "jwt_client_scope": ["profile", "openid näh", "openidprofile"],
    "metrics_token": NO_TOKEN,
    "webhook_loopback": ["maybe", "2", "-"],
    "otel_exporter_otlp_endpoint": NO_HTTP_URL,
    "otel_exporter_otlp_headers": ["token", "a b=c", "x=näh", "x=", "authorization=a%0Ab"],
    "otel_service_name": ["two words", "näh", "x" * 65],
    "otel_traces_sampler_arg": ["always", "-0.1", "1.1", "nan"],
    "traces_asked_per_second": ["many", "-1", "inf", "nan"],
    "log_json": ["maybe", "2", "-"],
    "log_level": ["loud", "7", "INFO!"],
}


def test_each_setting_has_wrong_values_here():
    assert set(WRONG) == set(Settings.model_fields)
    assert all(len(values) >= 3 for values in WRONG.values())


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_told_in_one_line_whatever_is_started(command_line, name):
    for value, command in itertools.product(
        WRONG[name], (["api", "--port=0"], ["worker"], ["migrate"])
    ):
        needed = {
            name: value
            for name, value in SANDBOX.items()
            if name != "PAYMENTS_URL" or value != "stripe"
        }
        code, lines = command_line(
            *command, **{key.lower(): given for key, given in needed.items()} | {name: value}
        )
        assert code == 1, (value, lines)
        (line,) = lines
        assert line.startswith("bulk-cancel: BULK_CANCEL_"), (value, line)
        assert f"BULK_CANCEL_{name.upper()}" in line, (value, line)
        assert "_token" not in name or value not in line


@pytest.mark.parametrize(
    "command",
    [["api", "--port=0"], ["worker"], ["migrate"], ["keys", "list"], ["demo", "--port=0"]],
)
def test_a_variable_that_is_no_setting_stops_every_start(command_line, command):
    code, lines = command_line(*command, payment_url="https://payments.example")
    assert (code, lines) == (
        1,
        [
            (
                "bulk-cancel: BULK_CANCEL_PAYMENT_URL is not a setting;"
                " did you mean BULK_CANCEL_PAYMENTS_URL?"
            ),
        ],
    )
    code, lines = command_line(*command, colour="blue", payment_url="x")
    assert code == 1
    assert lines[0].startswith(
        "bulk-cancel: BULK_CANCEL_COLOUR is not a setting. The README lists all; BULK_CANCEL_"
    )


@pytest.mark.parametrize("command", [["api", "--port=0"], ["worker"]])
def test_what_money_goes_to_must_be_named(command_line, command):
    redis = {"redis_url": "redis://127.0.0.1:1"}
    for given, lacking in (
        ({}, "BULK_CANCEL_PAYMENTS_URL and BULK_CANCEL_CREDITS_URL must be set"),
        ({"payments_url": "https://payments.example"}, "BULK_CANCEL_CREDITS_URL must be set"),
        ({"credits_url": "sandbox"}, "BULK_CANCEL_PAYMENTS_URL must be set"),
        (
            {"payments_url": "sandbox", "credits_url": "sandbox"},
            "BULK_CANCEL_SANDBOX_URL must be set",
        ),
        (
            {"payments_url": "sandbox", "credits_url": "https://credits.example"},
            "must both be `sandbox`, or neither",
        ),
        (
            {
                "payments_url": "sandbox",
                "credits_url": "sandbox",
                "payments_provider": "stripe",
                "payments_token": "sk_1",
            },
            "BULK_CANCEL_PAYMENTS_URL=sandbox needs BULK_CANCEL_PAYMENTS_PROVIDER=http",
        ),
    ):
        code, (line,) = command_line(*command, **given, **redis)
        assert code == 1
        assert lacking in line


@pytest.mark.parametrize("command", [["migrate"], ["keys", "list"], ["api", "--port=0"]])
def test_a_file_that_is_no_database_is_told_in_one_line(command_line, tmp_path, command):
    (tmp_path / "notes.txt").write_text("no database\n" * 1000)
    sandbox = {name.lower(): value for name, value in SANDBOX.items()}
    code, (line,) = command_line(
        *command, database_url=f"sqlite:///{tmp_path}/notes.txt", **sandbox
    )
    assert code == 1
    assert line == (
        "bulk-cancel: The database that BULK_CANCEL_DATABASE_URL names can't be used:"
        " file is not a database"
    )


def test_a_role_without_rights_is_told_in_one_line(command_line, empty_postgresql_url):
    url = sa.make_url(empty_postgresql_url)
    role = f"nobody_{url.database[-12:]}"
    in_a_thread(
        administer(
            empty_postgresql_url,
            f'CREATE ROLE "{role}" LOGIN',
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        )
    )
    try:
        theirs = url.set(username=role).render_as_string(hide_password=False)
        code, lines = command_line("migrate", database_url=theirs)
    finally:
        in_a_thread(administer(empty_postgresql_url, f'DROP ROLE "{role}"'))
    assert code == 1
    assert len(lines) == 1
    assert "BULK_CANCEL_DATABASE_URL names can't be used: permission denied" in lines[0]


@pytest.mark.parametrize("address", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_an_address_of_postgresql_is_taken_however_its_driver_is_named(address):
    url = Settings(database_url=f"{address}://u:p%40@h/db?sslmode=verify-full").database_url
    assert url == "postgresql+asyncpg://u:p%40@h/db?ssl=verify-full"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://issuer.example/realms/studio",
        "http://127.0.0.1:8080",
        "http://[::1]",
        "http://localhost",
    ],
)
def test_an_issuer_is_taken_as_it_is_written(issuer):
    settings = Settings(
        jwt_issuer=issuer, jwt_audience="bulk-cancel", jwt_jwks_url=f"{issuer}/keys"
    )
    assert (settings.jwt_issuer, settings.jwt_jwks_url) == (issuer, f"{issuer}/keys")


def test_a_redis_address_may_end_with_a_slash():
    assert Settings(redis_url="redis://h:1/").redis_url == "redis://h:1"
    assert Settings(redis_url="rediss://u:p@h:1/2").redis_url == "rediss://u:p@h:1/2"


STARTS = {
    "workers": ["workers"],
    "arq": ["arq", "workers.settings.WorkerSettings"],
    "worker": ["app.cli", "worker"],
    "api": ["app.cli", "api", "--port=0"],
}


def assert_one_line_tells(code, err, named):
    assert code == 1, err
    (line,) = err.splitlines()
    assert line.startswith("bulk-cancel: ")
    assert named in line


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_real_processes_tell_it_too(tmp_path, start):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("BULK_CANCEL_")
    }
    environment |= {"BULK_CANCEL_LEASE_SECONDS": "3", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *start]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert_one_line_tells(ended.returncode, ended.stderr, "BULK_CANCEL_LEASE_SECONDS")


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"PAYMENT_URL": "https://payments.example"}, "did you mean BULK_CANCEL_PAYMENTS_URL?"),
        ({"FAULT_POINTS": "nowhere=kill@1"}, "BULK_CANCEL_FAULT_POINTS"),
        (
            {"REDIS_URL": "redis://127.0.0.1:1"},
            "BULK_CANCEL_PAYMENTS_URL and BULK_CANCEL_CREDITS_URL must be set",
        ),
    ],
    ids=["unknown", "fault points", "missing"],
)
def test_whatever_is_started_tells_what_is_wrong_with_its_settings(
    zygote, tmp_path, start, variables, named
):
    module, *arguments = start
    environment = {f"BULK_CANCEL_{name}": value for name, value in variables.items()}
    code, _, err = zygote.command(arguments, environment, tmp_path, module=module)
    assert_one_line_tells(code, err, named)


def test_compose_passes_every_setting_and_nothing_that_nobody_reads():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    known = {f"BULK_CANCEL_{name.upper()}" for name in Settings.model_fields}
    # An embedded process's own files, and what the image decides.
    elsewhere = {
        "BULK_CANCEL_SECRETS_FILE",
        "BULK_CANCEL_EVIDENCE_FILE",
        "BULK_CANCEL_SANDBOX_BOOKS",
        "BULK_CANCEL_OUTBOX",
        "BULK_CANCEL_LOG_JSON",
    }
    assert set(compose["x-settings"]) == known - elsewhere
    for name, service in compose["services"].items():
        ours = {
            variable
            for variable in service.get("environment", {})
            if variable.startswith("BULK_CANCEL_")
        }
        assert ours == (known - elsewhere if name in {"api", "worker", "migrate"} else set()), name


def test_compose_names_no_upstream_by_itself():
    settings_of_compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["x-settings"]
    for name in ("BULK_CANCEL_PAYMENTS_URL", "BULK_CANCEL_CREDITS_URL"):
        assert settings_of_compose[name].startswith(f"${{{name}:?"), (
            "an unset one must stop `docker compose up`"
        )
