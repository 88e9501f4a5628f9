from __future__ import annotations

from livekit.protocol import agent_dispatch
from tests.api.support import api

from hookflash.api.dispatch_service import DispatchService

NAME = "AgentDispatchService"


def test_every_method_of_the_service_is_there_with_its_request_type() -> None:
    with api() as client:
        service = DispatchService(client.parts.rooms).service()
        assert service.methods is not None
        described = agent_dispatch.DESCRIPTOR.services_by_name[NAME]
        assert {method.name: method.input_type.full_name for method in described.methods} == {
            name: method.request_type.DESCRIPTOR.full_name
            for name, method in service.methods.items()
        }


def test_a_dispatch_makes_its_room_and_keeps_its_fields() -> None:
    with api() as client:
        made = client.call(
            "CreateDispatch",
            {
                "room": "lobby",
                "agent_name": "a",
                "metadata": "m",
                "restart_policy": "JRP_NEVER",
                "deployment": "d",
                "attributes": {"x": "y"},
            },
            room="lobby",
            service=NAME,
        ).json
        assert (made["agent_name"], made["metadata"], made["deployment"]) == ("a", "m", "d")
        assert (made["restart_policy"], made["attributes"]) == ("JRP_NEVER", {"x": "y"})
        assert int(made["state"]["created_at"]) > 1e18
        assert client.rooms.get("lobby") is not None
        one = {"room": "lobby", "dispatch_id": made["id"]}
        listed = client.call("ListDispatch", one, room="lobby", service=NAME).json
        assert [d["id"] for d in listed["agent_dispatches"]] == [made["id"]]
        gone = client.call("DeleteDispatch", one, room="lobby", service=NAME).json
        assert int(gone["state"]["deleted_at"]) > 0
        none = client.call("ListDispatch", one, room="lobby", service=NAME).json
        assert none == {"agent_dispatches": []}


def test_room_admin_of_that_room_is_needed() -> None:
    with api() as client:
        for method in ("CreateDispatch", "DeleteDispatch", "ListDispatch"):
            answer = client.call(method, {"room": "lobby"}, room="other", service=NAME)
            assert answer.status == 401
