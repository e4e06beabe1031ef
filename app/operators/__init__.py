"""What operators see of the whole service, whichever business it is about.

`readiness` says whether this process can serve · `service_state` what the database says of the
books, of jobs and of endpoints.
"""
