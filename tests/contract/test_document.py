import json
import subprocess
import sys

from openapi_spec_validator import validate


def printed():
    return subprocess.run([sys.executable, "-m", "app.document"], capture_output=True, check=True).stdout


def test_the_document_is_valid_openapi_3_1_and_printed_the_same_each_time():
    first = printed()
    document = json.loads(first)
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert first.endswith(b"}\n")
    assert printed() == first
