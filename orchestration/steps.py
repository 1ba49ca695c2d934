"""Steps: the named moments of a night or a rotation, at each of which it can be made to die.

That whatever kills a night leaves something from which the next one goes on is promised, so it
is tried: a test sets KIZUNA_CRASH_AT to a step, and the process that reaches it gets the one
signal that nobody can catch. Unset, as always outside the tests, a step costs nothing.
"""

import os
import signal

from orchestration.settings import crash_at

STEPS = (
    "night opened",  # the lock taken, the run written down
    "file read",  # its rows written aside
    "raw renamed",  # its rows in raw, not in the ledger
    "load recorded",
    "landing closed",  # everything in the ledger, not yet laid down for dbt
    "persons linked",
    "staging building",
    "intermediate building",
    "marts building",
    "marts judged",
    "version written",  # aside
    "version whole",  # under its name, not current
    "version current",
    "old version going",
)

# And those of a rotation of keys.
ROTATION = (
    "rotation begun",
    "file made anew",  # aside; the old one counts
    "all made anew",
    "rotation decided",  # the new ones count
    "file put in place",
    "all put in place",
)


def reach(step: str) -> None:
    """Die here and now where KIZUNA_CRASH_AT names this step."""
    assert step in (*STEPS, *ROTATION), step
    if crash_at() == step:
        os.kill(os.getpid(), signal.SIGKILL)
