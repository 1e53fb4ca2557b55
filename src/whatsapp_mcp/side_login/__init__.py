"""A short login of the linked device for the requests that neonize 0.5.2 cannot send, in a process of its own.

It uses wire, session_db and pipe. The session process (`worker/side_logins`) collects requests, starts the ``process``
and pauses; it carries out the whole ``batch`` in one login and ends. Below that: ``login`` (the socket, from TLS to the
first stanza), ``collections`` and ``app_state`` (fetch, verify, upload, merge), ``encoding`` and ``changes`` (changes
of the app state as they are written and read), ``queries`` (what else can be asked for).
"""
