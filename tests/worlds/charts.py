"""What Helm and the schemas of Kubernetes say; run by `.venv-deploy`'s Python, which has both.

`render CHART` takes values, as JSON, and gives what the chart makes of them by file, with what Helm
finds wrong in it. `validate` takes objects and gives what each has that its schema has not.
"""

import json
import sys

import kubernetes_validate
from helm_python.chart import Chart, lint

_INFORMATION = 1  # as that an icon is recommended


def render(path, values):
    report = lint(path, values, strict=True)
    wrong = [one["error"] for one in report["messages"] if one["severity"] > _INFORMATION]
    with Chart.load(path) as chart:
        made = chart.render(values=values, name="bulk-cancel")
    return {"made": made, "wrong": wrong + report["errors"]}


def validate(objects):
    wrong = []
    for one in objects:
        try:
            kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
        except (
            kubernetes_validate.ValidationError,
            kubernetes_validate.InvalidSchemaError,
            kubernetes_validate.SchemaNotFoundError,
        ) as error:
            wrong.append(f"{one['kind']} {one['metadata']['name']}: {error}".splitlines()[0])
    return wrong


if __name__ == "__main__":
    task, *paths = sys.argv[1:]
    given = json.load(sys.stdin)
    json.dump(render(*paths, given) if task == "render" else validate(given), sys.stdout)
