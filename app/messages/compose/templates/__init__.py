"""A business's own subject and body.

```
      fill        a template and values → a subject, or paragraphs
        rules     what a template may hold
        values    what it may print
      validate    what is wrong with one, by `samples` of every kind of message
```
"""
