"""Lanes: whatever is sent to many, each at its own pace; what and whither is its sender's to know.

```
      start       which keys that have something due get a lane now
        lane      [claim] → send → [what came of it, a group]...
          way     the functions by which one lane does its work
        back_off    when what failed is tried again
        pauses    which keys are left alone for a while, or all
        share     how much of a process all lanes may take while refunds are under way
```
Brackets are transactions; none is open while anything is sent. Rows alone say what is due: a
worker that dies costs a lease.
"""
