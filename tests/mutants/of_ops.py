"""The defects that `make mutants` seeds in how the service is configured, upgraded and carried through outages."""

from mutants.defects import Defect, defect

SETTINGS = "tests/acceptance/test_settings.py"
OUTAGES = "tests/integration/test_database_outages.py"
OUTAGE = "tests/unit/test_outage.py"
UPGRADING = "tests/integration/test_upgrading.py"
DATA_SERVERS = "tests/unit/test_data_servers.py"
POOLERS = "tests/integration/test_poolers.py"
RECEIVERS = "tests/integration/webhooks/test_receivers.py"
SHARED_REDIS = "tests/integration/test_shared_redis.py"
LENGTHS = "tests/integration/test_lengths.py"
SERVICES = "tests/unit/test_services.py"
TEST_MODE = "tests/integration/test_test_mode.py"

PRODUCTION = "tests/unit/test_production.py"
HOSTS = "tests/integration/test_hosts.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a variable that is no setting is passed over",
        "app/config/environment.py",
        "    if wrong:\n",
        "    if False:\n",
        SETTINGS,
    ),
    defect(
        "the sandbox answers for half of the upstreams",
        "app/config/settings.py",
        "        if len(named) > 1:\n",
        "        if False:\n",
        SETTINGS,
    ),
    defect(
        "an upstream that nobody named does not stop the start",
        "app/cli/servers.py",
        "    config.require_upstreams()\n",
        "",
        SETTINGS,
    ),
    defect(
        "pages don't know of the test mode",
        "app/main.py",
        "demo_key=demo_key, test_mode=settings.test_mode)",
        "demo_key=demo_key)",
        TEST_MODE,
    ),
    defect(
        "a wrong redis address is found out by its first use",
        "app/config/values.py",
        "RedisUrl = Annotated[str, AfterValidator(redis_url)]",
        "RedisUrl = str",
        SETTINGS,
    ),
    defect(
        "a parameter that redis would pass over is taken",
        "app/config/data_servers.py",
        """ != "db":\n""",
        """ == "":\n""",
        DATA_SERVERS,
    ),
    defect(
        "of several hosts a standby will do",
        "app/config/data_servers.py",
        'given |= {"host": hosts, "target_session_attrs": attributes}',
        'given |= {"host": hosts}',
        DATA_SERVERS,
    ),
    defect(
        "a known password is no matter where hosts are listed",
        "app/config/production.py",
        "not all(map(is_here, hosts))",
        "not is_here(hosts[0])",
        PRODUCTION,
    ),
    defect(
        "a database that lacks names is taken",
        "app/db/schema.py",
        '    if encoding != "UTF8":\n',
        "    if False:\n",
        "tests/integration/test_unfit_databases.py",
    ),
    defect(
        "a connection is kept for no longer than a silence",
        "app/serving.py",
        "self.config.keep_alive_seconds - self.config.timeout_keep_alive",
        "0.0",
        "tests/integration/test_keep_alive.py",
    ),
    defect(
        "a connection on which nothing is asked is kept for ever",
        "app/serving.py",
        "            self._idle_left -= seconds\n",
        "",
        "tests/integration/test_keep_alive.py",
    ),
    defect(
        "a tag that a proxy has changed never matches",
        "app/api/negotiation.py",
        "_PACKED.sub('\"', _opaque(tag))",
        "_opaque(tag)",
        "tests/unit/test_negotiation.py",
    ),
    defect(
        "a rule over several settings names none of them",
        "app/config/environment.py",
        """ if one["loc"] else said""",
        "",
        SETTINGS,
    ),
    defect(
        "a server that only reads is a fault of ours",
        "app/db/core/outage.py",
        '_PASSING_STATES: Final = frozenset({_READ_ONLY, "55P03", "25P03"})',
        '_PASSING_STATES: Final = frozenset({"55P03", "25P03"})',
        OUTAGES,
    ),
    defect(
        "connections to a server that only reads are kept",
        "app/db/core/engine.py",
        "        self._distrusted_until = time.monotonic()\n",
        "        pass\n",
        OUTAGES,
    ),
    defect(
        "a transaction has no timeouts",
        "app/db/core/driver.py",
        'driver.execute(f"BEGIN{isolation}; {_OF_TRANSACTION}")',
        'driver.execute(f"BEGIN{isolation}")',
        POOLERS,
    ),
    defect(
        "timeouts are a session's, which the pooler lends on",
        "app/db/core/driver.py",
        '"SET LOCAL statement_timeout = 300000; SET LOCAL jit = off"',
        '"SET statement_timeout = 300000; SET LOCAL jit = off"',
        POOLERS,
    ),
    defect(
        "statements behind a pooler are outside transactions",
        "app/db/core/engine.py",
        "        self._has_singles = self.is_postgresql and prepared_statements\n",
        "        self._has_singles = self.is_postgresql\n",
        POOLERS,
    ),
    defect(
        "a migration waits for another as long as it takes",
        "migrations/env.py",
        "SET LOCAL lock_timeout = {int(seconds * 1000)}",
        "SET LOCAL lock_timeout = 0",
        POOLERS,
    ),
    defect(
        "ready without being able to write",
        "app/operators/readiness.py",
        "    if not writable:\n",
        "    if False:\n",
        OUTAGES,
    ),
    defect(
        "the driver's own confusion is a fault of ours",
        "app/db/core/outage.py",
        "        case asyncpg.InternalClientError():\n            return True\n",
        "        case asyncpg.InternalClientError():\n            return False\n",
        OUTAGE,
    ),
    defect(
        "a newer schema makes processes unready",
        "app/db/schema.py",
        "return self.fit in {Fit.SAME, Fit.NEWER}",
        "return self.fit is Fit.SAME",
        UPGRADING,
    ),
    defect(
        "a revision that is not additive stops nobody",
        "app/db/schema.py",
        "return Fit.NEWER if self.needs in _known_versions() else Fit.TOO_NEW",
        "return Fit.NEWER",
        UPGRADING,
    ),
    defect(
        "days of an unknown zone are counted in UTC",
        "app/domain/days.py",
        "    zone = zone_named(name)\n    if zone is None:\n",
        "    zone = zone_of(name)\n    if zone is None:\n",
        UPGRADING,
    ),
    defect(
        "changing a secret twice ends the first overlap",
        "app/db/webhooks/signing_secrets.py",
        "where(of_endpoint, _SECRET.ends_at.is_(None)).values(ends_at=end)",
        "where(of_endpoint).values(ends_at=end)",
        RECEIVERS,
    ),
    defect(
        "any number of secrets sign",
        "app/webhooks/manage/endpoints.py",
        "if await signing_secrets.count(conn, endpoint_id) >= MAX_SECRETS:",
        "if False:",
        RECEIVERS,
    ),
    defect(
        "installations ring one bell",
        "app/queue.py",
        'self._prompt_list = f"{namespace}:bell"',
        'self._prompt_list = "bulk-cancel:bell"',
        SHARED_REDIS,
    ),
    defect(
        "arq's own queue, which others read",
        "app/queue.py",
        'return f"{namespace}:queue"',
        'return "arq:queue"',
        SHARED_REDIS,
    ),
    defect(
        "prompts of one name are one over installations",
        "app/queue.py",
        'f"{self._namespace}:{job_id}:{once}"',
        'f"{job_id}:{once}"',
        SHARED_REDIS,
    ),
    defect(
        "the sweep only prompts",
        "app/refunds/slices/sweep.py",
        "if len(own) >= _OWN_SLICES and await",
        "if await",
        SHARED_REDIS,
    ),
    defect(
        "a round that raises ends its service",
        "app/services.py",
        "            seconds = None\n        await _pause",
        "            raise\n        await _pause",
        SERVICES,
    ),
    defect(
        "a pause goes on though the process stops",
        "app/services.py",
        "            [stops, wakes], timeout=",
        "            [wakes], timeout=",
        SERVICES,
    ),
    defect(
        "a service ends before what it began",
        "app/services.py",
        "    if service.tasks:\n",
        "    if False:\n",
        SERVICES,
    ),
    defect(
        "no room for the longest name of a key",
        "app/db/tables/__init__.py",
        "MAX_CALLER_NAME: Final = 255",
        "MAX_CALLER_NAME: Final = 200",
        LENGTHS,
    ),
    defect(
        "a file that is no database is a fault of ours",
        "app/cli/terminal.py",
        "    if is_unusable(error):\n",
        "    if False:\n",
        SETTINGS,
    ),
    defect(
        "databases in memory are taken",
        "app/config/data_servers.py",
        'url.database in {None, "", ":memory:"}',
        "url.database is None",
        SETTINGS,
    ),
    defect(
        "start: clear text goes anywhere",
        "app/config/production.py",
        'if url.scheme == "http" and not is_here(host) and not is_named(host, allowed):',
        "if False:",
        f"{PRODUCTION}::test_clear_text_goes_no_further_than_this_machine_unless_its_host_is_named",
    ),
    defect(
        "start: a password out of an example is taken",
        "app/config/production.py",
        "password.lower() in {*_KNOWN_PASSWORDS, user}",
        "password == user",
        f"{PRODUCTION}::test_a_password_that_everybody_knows_is_refused",
    ),
    defect(
        "start: nothing need seal what is secret",
        "app/config/production.py",
        "not settings.test_mode and settings.secrets_key is None",
        "False",
        f"{PRODUCTION}::test_without_a_key_nothing_secret_could_be_kept",
    ),
    defect(
        "start: an API for others needs no name",
        "app/cli/servers.py",
        "require_safe(config, listens_on=host)",
        "require_safe(config)",
        "tests/acceptance/test_configuration.py::test_an_api_for_others_must_know_its_names",
    ),
    defect(
        "start: check-config shows secrets",
        "app/cli/configuration.py",
        "return _NOT_SHOWN if name in SECRETS and not _is_plain(name, value) else str(value)",
        'return getattr(value, "get_secret_value", lambda: str(value))()',
        "tests/acceptance/test_configuration.py"
        "::test_every_setting_is_printed_with_its_source_and_no_secret",
    ),
    defect(
        "start: a secret is both in a file and beside it",
        "app/config/environment.py",
        "        if (setting := variable.removesuffix(IN_FILE)) in present:\n",
        "        if not (setting := variable):\n",
        "tests/acceptance/test_configuration.py::test_a_secret_is_given_once",
    ),
    defect(
        "hosts: any name below any is taken",
        "app/config/hosts.py",
        "host.endswith(name[1:])",
        "host.endswith(name[2:])",
        f"{HOSTS}::test_any_other_is_told_that_there_is_no_such_name",
    ),
    defect(
        "hosts: probes must know a name",
        "app/api/layers/hosts.py",
        'scope["path"] in _OF_MACHINES or ',
        "",
        f"{HOSTS}::test_probes_ask_by_any_address",
    ),
    defect(
        "hosts: nobody looks",
        "app/main.py",
        "    if names is not None:\n",
        "    if False:\n",
        f"{HOSTS}::test_any_other_is_told_that_there_is_no_such_name",
    ),
    defect(
        "metrics: whoever is on this machine may read them in production",
        "app/operators/exposition.py",
        "return settings.embedded and not proxied",
        "return not proxied",
        "tests/integration/test_metrics.py",
    ),
)
