"""The AsyncAPI document: whole, closed in itself, and true of what really happens (tests/flow holds every event to it)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from made import event

import maquette
from maquette.domain.asyncapi import document, schema
from maquette.domain.events import EventType, cloud_event, reference_form
from maquette.services.ids import new_id

DOCS = Path(__file__).parent.parent.parent / "docs"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_page_is_the_document() -> None:
    """docs/asyncapi.json is made from the code (`make docs`)."""
    assert json.loads((DOCS / "asyncapi.json").read_text()) == document(maquette.__version__)


def test_every_type_has_a_message_and_every_reference_leads_somewhere() -> None:
    """Version 3.0.0 with one channel and one operation; messages, payloads and the correlation id are all there."""
    found = document("1.2.3")
    assert (found["asyncapi"], found["info"]["version"]) == ("3.0.0", "1.2.3")
    assert set(found["components"]["messages"]) == set(EventType)
    assert len(found["operations"]["publish"]["messages"]) == len(EventType)
    for reference in references(found):
        target: Any = found
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert target
    page = (DOCS / "events.md").read_text()
    assert [kind for kind in EventType if f"| `{kind}` |" not in page] == []


def test_a_name_that_was_met_is_no_type_of_this_version() -> None:
    """What an older process passes on is not documented by it, and an empty name is none."""
    met = EventType("SaidByALaterVersion")
    assert (str(met), met == EventType("SaidByALaterVersion"), hash(met) == hash(str(met))) == (
        met,
        True,
        True,
    )
    assert met not in list(EventType)
    assert str(met) not in document("1.2.3")["components"]["messages"]
    with pytest.raises(ValueError, match="is not a valid EventType"):
        EventType("")


@pytest.mark.parametrize("kind", list(EventType))
def test_schemas_are_schemas(kind: EventType) -> None:
    """Each is valid by its meta-schema, and refuses an event of another type, without its data or out of line."""
    found = schema(kind)
    assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **found})
    validator = jsonschema_rs.Draft202012Validator(found)
    assert not validator.is_valid({"type": str(kind)})


def test_the_reference_form_is_of_its_schema() -> None:
    """An event that was too large for a sink is still what the document says; one without a member is not."""
    one = event(new_id(), 3)
    validator = jsonschema_rs.Draft202012Validator(schema(EventType.STEP_STARTED))
    assert validator.is_valid(cloud_event(one))
    assert validator.is_valid(reference_form(one, 300_000))
    del one.data["service"]
    assert not validator.is_valid(cloud_event(one))
    form = cloud_event(event(new_id(), 3))
    assert not validator.is_valid({**form, "sequence": "3"})
    assert not validator.is_valid({**form, "type": "JobCreated"})
