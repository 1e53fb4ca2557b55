"""A short login of the linked device for the requests that neonize 0.5.2 cannot send; it may use wire and session_db.

    queue = SideLoginQueue(SideLoginConfig(session_db=…, endpoint=…), pause=manager.paused, on_changes=store_them)
    paused_seconds = await queue.change(MessageStarred(chat, message_id, starred=True, from_me=True))
    profile = (await queue.ask(BusinessProfileQuery(jid))).result

The ``queue`` collects requests, has the session paused, carries out the whole ``batch`` in one login, and lets the
session go on. Below that: ``login`` (the socket, from TLS to the first stanza), ``collections`` and ``app_state``
(fetch, verify, upload, merge), ``encoding`` and ``changes`` (changes of the app state as they are written and read),
``queries`` (what else can be asked for).
"""
