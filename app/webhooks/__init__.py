"""Webhooks out: what integrations are told. Hooks in are read by `app.gateways`.

```
      manage               a business manages where it is told, and sees what was sent
      deliver              which endpoints something is due for; a lane for each, by `app.lanes`
        prompts            across processes, that something is due
        batch              the two transactions of a lane: claims, and what came of them
        attempt            between them: what a lane has sent, and what an answer means
        retries            when next, and when an endpoint is given up; pure
        signing · send     one attempt: signed bytes, one deadline, nothing followed
        urls · addresses   where an endpoint may be: judged when it is saved, and again by the
                           address connected to
```
Brackets are transactions; none is open across an HTTP call. Events are written by
`app/db/jobs/job_events.py`, in the transaction of what they report.
"""
