"""Forks servers that have their modules already, so that a test can kill many.

One starts in milliseconds.

A line of JSON in,
`{"run": "api" | "worker" | "sandbox", "arguments": […], "environment": {…}, "log": PATH}`;
the pid of the new process out. What is forked is what `bulk-cancel` or `python -m workers` would
run, from its first line on. A command, `{"run": "command", …}`, has a file each for its input and
output and a folder to run in besides, "stdin", "stdout" and "cwd", and its errors in its log;
`"module"` names another than `bulk-cancel`'s.

`{"ended": PID}` in; its exit code out, which is below 0 and a signal's number where that ended it.

At the end of its input it kills what it forked. The dead are not reaped before, so no pid is ever
somebody else's.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import sys
from typing import Any, NoReturn

MODULES = (
    "uvloop",
    "arq.worker",
    "app.main",
    "app.cli",
    "workers.process",
    "app.refunds.slices.sweep",
    "workers.tasks",
)


def become(order: dict[str, Any]) -> NoReturn:
    """Be the server, to the end of this process."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(order.get("stdin", os.devnull), os.O_RDONLY), 0)
    os.dup2(
        os.open(order["stdout"], os.O_WRONLY | os.O_CREAT, 0o644) if "stdout" in order else log, 1
    )
    os.dup2(log, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - its own, not what orders are read from
    os.environ.update(order["environment"])
    code = 1
    try:
        if order["run"] == "command":
            os.chdir(order["cwd"])
            sys.argv = ["bulk-cancel", *order["arguments"]]
            runpy.run_module(order["module"], run_name="__main__")
        elif order["run"] == "worker":
            runpy.run_module("workers", run_name="__main__")
        else:
            sys.argv = ["bulk-cancel", order["run"], *order["arguments"]]
            runpy.run_module("app.cli", run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):  # as Python itself says it
            sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 - its traceback belongs into its log, as with any process
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def exit_code(pid: int) -> int:
    """How this child ended, which is dead; it stays unreaped."""
    end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert end is not None
    return -end.si_status if end.si_code in {os.CLD_KILLED, os.CLD_DUMPED} else end.si_status


def main() -> None:
    """Import all but `workers.settings`, which reads the environment; then fork on demand.

    It does so until the input ends.
    """
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    children = []
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        if "ended" in order:
            answer = exit_code(order["ended"])
        else:
            answer = os.fork()
            if answer == 0:
                become(order)
            children.append(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
