"""A short login of the linked device, for the requests that neonize 0.5.2 cannot send.

    courier = Courier(CourierConfig(session_db=…, endpoint=…), pause=manager.paused, on_changes=store_them)
    done = await courier.change(Star(chat, message_id, from_me=True, starred=True))
    profile = (await courier.ask(BusinessProfileQuery(jid))).result

:class:`~whatsapp_mcp.side_login.queue.Courier` collects requests, has the session paused, sends them all in one login
and lets the session go on. Below it: ``visit`` (what happens in one pause), ``login`` (the socket, from TLS to the
first stanza), ``collections`` and ``app_state`` (fetch, verify, upload, merge), ``actions`` and ``queries`` (what can
be asked for), ``changes`` (what the account's devices did), ``device`` (the session database, read-only).
"""
