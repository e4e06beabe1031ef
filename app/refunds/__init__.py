"""The engine: makes accepted jobs' refunds, once each, at the pace that upstreams take.

```
worker    slices/run      [lease on the job's turn] a slice: expand, two lanes, settle,
                          and let others have their turn
            lane          [claim a batch: submitted] → execute: calls, at the upstream's pace
                          → [outcomes, a group]...
            settle        [ended? or when next]
          slices/recover  [jobs that are due] the sweep: rows alone say what is left to do
upstream  inbound_events  [event once, look-up due] then a wake; what the hook says is looked up,
                          not believed
```
Brackets are transactions; none is open across an HTTP call. `policy` is pure and decides what an
outcome means, `decide` puts what an upstream said to it, and `pacing` says how many calls may go.
"""
