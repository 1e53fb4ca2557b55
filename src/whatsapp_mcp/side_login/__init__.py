"""A short login of the linked device for the requests that neonize 0.5.2 cannot send; it may use wire and session_db.

    queue = SideLoginQueue(SideLoginConfig(session_db=…, endpoint=…), pause=manager.paused, on_changes=store_them)
    answer = await queue.change(Star(chat, message_id, from_me=True, starred=True))
    profile = (await queue.ask(BusinessProfileQuery(jid))).result

The ``queue`` collects requests, has the session paused, carries out the whole ``batch`` in one login, and lets the
session go on. Below that: ``login`` (the socket, from TLS to the first stanza), ``collections`` and ``app_state``
(fetch, verify, upload, merge), ``actions`` and ``queries`` (what can be asked for), ``changes`` (what the account's
devices did).
"""
