"""The use case: cancel many sessions and settle every booking exactly once, or tell a person why not.

```
POST /plan    plan     one read                    what it would do, and a digest of it
POST /        accept   [job, sessions, outcomes]   one transaction; then a wake; then 202
worker        run      [lease on the job's turn]   a slice: expand, two lanes, settle, and give way to others
                expand   [refund rows, a chunk of sessions]...
                lane     [claim a batch: submitted]  → execute: calls, at the upstream's pace  → [outcomes, a group]...
                settle   [ended? or when next]
              recover  [jobs that are due]         the sweep: rows alone say what is left to do
GET           audit · follow                       reads of the same rows
person        amend    [withdraw | retry | resolve]
upstream      hints    [event once, look-up due]   then a wake; what the hook says is looked up, not believed
```
Brackets are transactions; none is open across an HTTP call. `policy` is pure and decides what an outcome means, `judge`
puts what an upstream said to it, and `pacing` says how many calls may go.
"""
