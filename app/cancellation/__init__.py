"""The use case: cancel many sessions and settle every booking exactly once, or tell a person why not.

```
POST /plan    plan     one read                    what it would do, and a digest of it
POST /        accept   [job, sessions, outcomes]   one transaction; then a wake; then 202
worker        run      [lease on the job's turn]   a slice: expand, execute, settle, and give way to others
                expand   [refund rows, a chunk of sessions]...
                execute  [claim a batch: submitted]  → calls, many at once →  [outcomes, a group]...
                settle   [ended? or when next]
              recover  [jobs that are due]         the sweep: rows alone say what is left to do
GET           audit · follow                       reads of the same rows
person        amend    [withdraw | retry | resolve]
```
Brackets are transactions; none is open across an HTTP call. `policy` is pure and decides what an outcome means.
"""
