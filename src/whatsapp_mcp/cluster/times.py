"""The times by which nodes go, in seconds. They are the same on all nodes of a database, or two could hold one account.

::

    renewal sent          LIMIT             KILL              FENCE
    |---------------------|-----------------|-----------------|--------->
      holder is connected   disconnects       has no process    another node may connect

The holder counts from before it sent the last renewal that was confirmed, others from when the database carried it out,
which is later; each by a clock that nobody sets.
"""

from __future__ import annotations

from typing import Final

RENEW: Final = 1.0
"""Between two renewals."""
LIMIT: Final = 3.5
"""Without a confirmed renewal the account is disconnected."""
KILL: Final = 4.5
"""Then the process is ended, whatever it is doing."""
FENCE: Final = 6.0
"""From then on, by the database's clock, another may take the account."""
HEAD_START: Final = 3.0
"""So much before that a process is started that waits for it: to be ready then. The one before it has missed two
renewals, and cannot decrypt anything any more, since its keys lie in the same database."""
CONNECT_LIMIT: Final = 2
"""For a connection to the database; libpq takes whole ones from 2 on."""
DEATH: Final = 3
"""After which the system ends a connection whose other end does not answer."""
PATIENCE: Final = 1.0
"""For which a lock may be held by who has not written its row yet, or has given it back."""
ALIVE: Final = 3.0
"""A node that has not said so for longer is not given accounts."""
MOVE_PATIENCE: Final = 15.0
"""For which a process that was started to take an account over waits until it is given up."""
WANTED: Final = 15.0
"""For which it holds that a node was asked to start an account."""
STAYS: Final = 60.0
"""After its end, an account is started again on the node that had it, if that is alive and takes accounts."""
