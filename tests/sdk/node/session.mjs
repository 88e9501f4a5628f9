// A user's session on any release of livekit-server-sdk. What to do comes as JSON in the first
// argument, what came of it is printed as one line of JSON a step. An exception that nobody
// expects ends it.
import { setTimeout as delay } from 'node:timers/promises';
import * as sdk from 'livekit-server-sdk';

const plan = JSON.parse(process.argv[2]);
const { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = process.env;
const sip = new sdk.SipClient(LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);
const rooms = new sdk.RoomServiceClient(LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);

// Before 2.8 there are no updates, nobody waits for an answer, and errors are plain.
const old = sip.updateSipInboundTrunkFields === undefined;

const tell = (step, fields = {}) => console.log(JSON.stringify({ step, ...fields }));

// Its class, what it is a kind of, and what it carries.
function fault(error) {
  if (!error) return { class: '' };
  const kinds = ['SipCallError', 'ServerError', 'TwirpError'].filter(
    (name) => sdk[name] !== undefined && error instanceof sdk[name],
  );
  const { name, message, status, code, metadata, sipStatusCode, sipStatus } = error;
  return {
    class: error.constructor.name,
    ...{ kinds, name, message, status, code, metadata },
    ...{ sip_status_code: sipStatusCode, sip_status: sipStatus },
  };
}

// Before 2.8 the keys of maps are spelt anew, `sip.callID` as `sipCallId`.
const NAMES = ['sip.callStatus', 'sip.callID', 'sip.phoneNumber', 'sip.trunkID', 'sip.ruleID'];
const plain = (name) => name.replace('.', '').toLowerCase();
function attributesOf(participant) {
  const found = Object.entries(participant.attributes);
  return Object.fromEntries(
    found.map(([key, value]) => [NAMES.find((name) => plain(name) === plain(key)) ?? key, value]),
  );
}

const failing = (promise) => promise.then(() => null, (error) => error);

async function trunks() {
  const inbound = await sip.createSipInboundTrunk(`in of ${plan.room}`, [plan.number]);
  const outbound = await sip.createSipOutboundTrunk(
    `out of ${plan.room}`, plan.callee_at, [plan.number], { transport: 0 },
  );
  const busy = await sip.createSipOutboundTrunk(
    `busy of ${plan.room}`, plan.busy_callee_at, [plan.number], { transport: 0 },
  );
  const updated = old
    ? null
    : await sip.updateSipInboundTrunkFields(inbound.sipTrunkId, { name: 'renamed' });
  const lists = [...(await sip.listSipInboundTrunk()), ...(await sip.listSipOutboundTrunk())];
  tell('trunks', {
    inbound: inbound.sipTrunkId,
    outbound: outbound.sipTrunkId,
    listed: lists.map((item) => item.sipTrunkId),
    name: inbound.name,
    numbers: inbound.numbers,
    updated: updated && updated.name,
  });
  return [inbound, outbound, busy].map((trunk) => trunk.sipTrunkId);
}

async function rule(trunk) {
  const made = await sip.createSipDispatchRule(
    { type: 'direct', roomName: plan.room },
    { name: `rule of ${plan.room}`, trunkIds: [trunk] },
  );
  const id = made.sipDispatchRuleId;
  const updated = old ? null : await sip.updateSipDispatchRuleFields(id, { name: 'renamed' });
  const listed = await sip.listSipDispatchRule();
  tell('rule', {
    rule: id,
    listed: listed.map((item) => item.sipDispatchRuleId),
    room: (updated ?? made).rule.rule.value.roomName,
    updated: updated && updated.name,
  });
  return id;
}

// Wait until a phone is up in the room, with only the list to go by.
async function active(identity) {
  for (let look = 0; look < 200; look += 1) {
    const found = (await rooms.listParticipants(plan.room)).find(
      (one) =>
        (!identity || one.identity === identity) &&
        attributesOf(one)['sip.callStatus'] === 'active',
    );
    if (found) return found;
    await delay(50);
  }
  throw new Error(`nobody is active in ${plan.room}`);
}

const transfer = async (identity, target, options) =>
  fault(await failing(sip.transferSipParticipant(plan.room, identity, target, options)));

async function calls(outbound, busy) {
  const caller = await active();
  const { identity } = caller;
  tell('participant', { identity, kind: caller.kind, attributes: attributesOf(caller) });
  tell('busy', await transfer(identity, plan.busy));
  tell('transferred', await transfer(identity, plan.free));
  const options = { waitUntilAnswered: true, ringingTimeout: 8, fromNumber: plan.number };
  if (!old) {
    const refused = await failing(
      sip.createSipParticipant(busy, plan.busy_callee, plan.room, {
        ...options,
        participantIdentity: 'busy',
      }),
    );
    tell('dial_busy', fault(refused));
  }
  const info = await sip.createSipParticipant(outbound, plan.callee, plan.room, {
    ...options,
    participantIdentity: 'callee',
  });
  tell('dialled', {
    sip_call_id: info.sipCallId,
    identity: info.participantIdentity,
    room: info.roomName,
  });
  const callee = await active('callee');
  tell('callee', { kind: callee.kind, attributes: attributesOf(callee) });
  // Old releases have no ringingTimeout: the server's 30 seconds pass.
  tell('timeout', await transfer('callee', plan.silent, { ringingTimeout: 1 }));
  await rooms.removeParticipant(plan.room, 'callee');
}

const [inbound, outbound, busy] = await trunks();
const id = await rule(inbound);
tell('ready');
await calls(outbound, busy);
const deleted = await sip.deleteSipDispatchRule(id);
const gone = [];
for (const trunk of [inbound, outbound, busy]) {
  gone.push((await sip.deleteSipTrunk(trunk)).sipTrunkId);
}
const left = (await sip.listSipInboundTrunk()).some((item) => item.sipTrunkId === inbound);
tell('deleted', { rule: deleted.name, trunks: gone, left });
