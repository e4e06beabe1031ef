#!/usr/bin/env bash
# arq 0.28.0 beside redis 5.3.1 (which it runs on), on Python 3.11; seen 2026-11-29.
#
# arq reads the URL of its Redis with `RedisSettings.from_dsn`. One would guess that it reads what redis-py's own `from_url`
# reads, by whose documentation such URLs are written. Names and passwords stay percent-encoded (Redis then refuses them), the
# file of a private authority is dropped without a word, and a slash at the end is an error.
#
# Output seen:
SEEN='password p%40ss: arq p%40ss, redis-py p@ss
name us%2Fer: arq us%2Fer, redis-py us/er
ssl_ca_certs=/etc/ca.pem: arq None, redis-py /etc/ca.pem
a slash at the end: arq ValueError, redis-py cache.example'
# What we do: app/queue.py decodes, app/config/values.py takes the slash and refuses what arq would drop.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv queue
queue/bin/pip -q install arq==0.28.0 redis==5.3.1 2>pip.log
cat >read.py <<'END_OF_READ'
from arq.connections import RedisSettings
from redis.connection import parse_url


def arq(url, field):
    try:
        return getattr(RedisSettings.from_dsn(url), field)
    except ValueError as error:
        return type(error).__name__


for name, url, field in (
    ("password p%40ss", "redis://:p%40ss@cache.example/1", "password"),
    ("name us%2Fer", "redis://us%2Fer:pw@cache.example/1", "username"),
    ("ssl_ca_certs=/etc/ca.pem", "rediss://cache.example/1?ssl_ca_certs=/etc/ca.pem", "ssl_ca_certs"),
    ("a slash at the end", "redis://cache.example/", "host"),
):
    print(f"{name}: arq {arq(url, field)}, redis-py {parse_url(url)[field]}")
END_OF_READ
queue/bin/python read.py | tee seen
diff seen <(echo "$SEEN")
