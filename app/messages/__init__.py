"""What clients and staff are sent of a bulk cancellation: composed, listed, sent.

```
      settings           what a business says: whom to tell, when, in whose name and words
      compose            the words of a message, and its bytes; pure
      own_words          a business's templates, by language
      read               who was told what, and one message once more
      preview            one message with real figures
      deliver            a lane for each business that something is due of
        sending          [claim] → mail → relay → [what came of it, a group]...
        mails            a claimed message as the mail that it is sent as
        retries          when next; pure
      bounced            what comes back later
```
Brackets are transactions. Rows are made by `app/db/messages/editions.py`, in the transaction of
what they report.
"""
