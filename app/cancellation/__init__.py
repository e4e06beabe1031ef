"""The use case: what a press does, and what people see of it.

It reaches up to the rows that a worker finds.

```
POST /plan    plan     one read                    what it would do, and a digest of it
POST /        accept   [job, sessions, outcomes]   one transaction; then a wake; then 202
worker          expand   [refund rows, a chunk of sessions]...
GET           audit · follow                       reads of the same rows
person        amend    [withdraw | retry | resolve]
```
Brackets are transactions. What is made of the refund rows is `app.refunds`.
"""
