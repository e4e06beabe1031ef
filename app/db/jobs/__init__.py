"""Jobs as rows: accepted, counted, audited, completed, and what their lines entitle to."""
