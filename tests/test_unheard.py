"""What dbt tells in detail is made for who listens, and for nobody else."""

import pytest
from dbt_common.events import base_types
from dbt_common.events.base_types import BaseEvent, EventLevel, EventMsg
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import LoggerConfig
from dbt_common.events.types import Note, SystemStdOut

from orchestration.unheard import pass_over_unheard


@pytest.fixture(autouse=True)
def _passing_over(monkeypatch):
    for owner, name in (
        (BaseEvent, "__init__"),
        (BaseEvent, "__getattr__"),
        (EventManager, "fire_event"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    pass_over_unheard()


@pytest.fixture
def made(monkeypatch) -> list[dict]:
    """What events were put into words."""
    seen: list[dict] = []
    parse = base_types.ParseDict

    def counted(given: dict, message: object) -> object:
        if "info" not in given:  # what goes around an event on its way to a logger
            seen.append(given)
        return parse(given, message)

    monkeypatch.setattr(base_types, "ParseDict", counted)
    return seen


def heard(level: EventLevel, *events: BaseEvent) -> list[str]:
    """The names of the events that a logger of that level was given."""
    manager, told = EventManager(), []

    def listen(message: EventMsg) -> bool:
        told.append(message.info.name)
        return False

    manager.add_logger(LoggerConfig(name=level.value, level=level, filter=listen))
    for event in events:
        manager.fire_event(event)
    return told


def test_details_are_made_where_somebody_listens(made):
    assert heard(EventLevel.DEBUG, SystemStdOut(bmsg="detail"), Note(msg="news")) == [
        "SystemStdOut",
        "Note",
    ]
    assert len(made) == 2


def test_details_are_not_made_where_nobody_does(made):
    assert heard(EventLevel.INFO, SystemStdOut(bmsg="detail"), Note(msg="news")) == ["Note"]
    assert made == [{"msg": "news"}]


def test_a_detail_that_is_asked_for_is_made(made):
    event = SystemStdOut(bmsg="detail")
    assert made == []
    assert event.bmsg == "detail" and event.to_dict() == {"bmsg": "detail"}
    assert made == [{"bmsg": "detail"}]
