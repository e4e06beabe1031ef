"""Writes one message from frozen facts: a client's language, CLDR's forms, no promise. Pure.

```
      message       compose: facts → subject, text and HTML
        totals      what became of all sums, and what has changed since the last message
        letter      which sentences are said, and in which order
          sentences what is said of each sum
        formats     money, dates and times by CLDR; decimals by ISO 4217
        languages   which language, and its phrases (`phrases/*.toml`)
        said        a sentence, of which what is from outside is marked
        rendering   a letter as plain text and as a page (`layout.html`)
      templates     a business's own subject and body, bounded and checked against `samples`
      staff         what staff are sent: sums and causes, nobody's name
      mime          the bytes that are sent; `cancellation_calendar` is their calendar part
```
A sum is said once for each state that it is in, and only of what is `returned` it is said that it
came back.
"""
