"""What happens to callers of the front desk, with a telephone company that is like Twilio."""

import pytest
from agent import SORRY, WELCOME

SALES = "+15105550123"
CALLER_SAYS, SALES_SAYS = 330, 1000

pytestmark = pytest.mark.carrier(profile="twilio", transfer_mode="enable-all")


@pytest.fixture(autouse=True)
def front_desk(agent_worker):
    return agent_worker("agent.py", env={"SALES_NUMBER": SALES})


async def test_who_presses_1_talks_to_sales(carrier, phone):
    async with phone.call() as call:
        await call.hears(WELCOME)
        await call.press("1")
        assert await carrier.phones[SALES].rings() == phone.number
        await carrier.phones[SALES].hears(CALLER_SAYS)
        await call.hears(SALES_SAYS)


@pytest.mark.carrier(phones=[{"number": SALES, "does": "busy"}])
async def test_who_finds_sales_busy_is_still_connected(carrier, phone):
    async with phone.call() as call:
        await call.hears(WELCOME)
        await call.press("1")
        assert (await carrier.happened("transfer_failed"))["status"] == 486
        await call.hears(SORRY)


@pytest.mark.carrier(transfer_mode="disable-all")
async def test_with_transfers_switched_off_the_caller_is_told(carrier, phone, front_desk):
    async with phone.call() as call:
        await call.hears(WELCOME)
        await call.press("1")
        assert (await carrier.happened("refer_refused"))["status"] == 603
        await call.hears(SORRY)
    assert "not transferred: 603 Decline" in front_desk.output
