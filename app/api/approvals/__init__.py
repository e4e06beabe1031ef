"""Approvals over HTTP: the limits above which they are needed, and giving or refusing one."""
