from __future__ import annotations

from livekit.protocol import sip
from tests.api.support import api

from hookflash.api.sip_service import sip_service


def test_every_method_of_the_service_is_there_with_its_request_type() -> None:
    with api() as client:
        parts = client.parts
        service = sip_service(parts.trunks, parts.store, parts.ids, parts.sip)
        assert service.methods is not None
        described = sip.DESCRIPTOR.services_by_name["SIP"]
        assert {method.name: method.input_type.full_name for method in described.methods} == {
            name: method.request_type.DESCRIPTOR.full_name
            for name, method in service.methods.items()
        }
