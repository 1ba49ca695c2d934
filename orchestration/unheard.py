"""What dbt would tell in detail is not put into words where nobody listens."""

from typing import Any

from dbt_common.events.base_types import BaseEvent, DebugLevel, EventLevel
from dbt_common.events.event_manager import EventManager

_make, _look_up, _fire = BaseEvent.__init__, BaseEvent.__getattr__, EventManager.fire_event


def pass_over_unheard() -> None:
    """Have this process's dbt make a detailed event only when somebody reads it.

    It makes some fifteen for each model and test, and drops them one by one unless it logs in
    detail: a sixth of a small build.
    """
    BaseEvent.__init__ = _promise
    BaseEvent.__getattr__ = _keep
    EventManager.fire_event = _fire_heard


def _promise(event: BaseEvent, *args: object, **given: Any) -> None:
    if isinstance(event, DebugLevel):
        object.__setattr__(event, "_given", (args, given))
    else:
        _make(event, *args, **given)


def _keep(event: BaseEvent, name: str) -> object:
    """Of an event that was only promised: make it, for somebody asks."""
    promised = event.__dict__.pop("_given", None)
    if promised is None:
        return _look_up(event, name)
    args, given = promised
    _make(event, *args, **given)
    return getattr(event, name)


def _fire_heard(
    manager: EventManager,
    e: BaseEvent,
    level: EventLevel | None = None,
    node: Any = None,
    force_warn_or_error_handling: bool = False,
) -> None:
    is_detail = level is None and isinstance(e, DebugLevel) and not force_warn_or_error_handling
    if not is_detail or any(logger.level == EventLevel.DEBUG for logger in manager.loggers):
        _fire(manager, e, level, node, force_warn_or_error_handling)
