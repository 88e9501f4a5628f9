// Transfer a caller: `npm ci`, then `node cold_transfer.mjs ROOM TARGET [IDENTITY]`.
//
// TARGET is a `tel:` or `sip:` address. Without IDENTITY it takes the only phone in the room.
import { RoomServiceClient, SipCallError, SipClient } from 'livekit-server-sdk';

const { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = process.env;
const PHONE = 3; // ParticipantInfo.Kind.SIP

async function onlyPhone(room) {
  const client = new RoomServiceClient(LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);
  const everybody = await client.listParticipants(room);
  const phones = everybody.filter((one) => one.kind === PHONE).map((one) => one.identity);
  if (phones.length !== 1) {
    throw new Error(
      `phones in ${room}: ${phones.join(', ') || 'none'}; say which one to transfer`,
    );
  }
  return phones[0];
}

async function transfer(room, target, identity) {
  const client = new SipClient(LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);
  const caller = identity ?? (await onlyPhone(room));
  console.log(`transferring ${caller} to ${target} ...`);
  await client.transferSipParticipant(room, caller, target, { playDialtone: true });
  console.log(`${caller} now talks to ${target}`);
}

const [room, target, identity] = process.argv.slice(2);
if (!target) {
  console.error('usage: node cold_transfer.mjs ROOM TARGET [IDENTITY]');
  process.exit(2);
}
try {
  await transfer(room, target, identity);
} catch (error) {
  // A SipCallError: somebody on the telephone side said no. Else the request itself was wrong, or
  // nobody answered in time.
  const why = error instanceof SipCallError ? `${error.sipStatusCode} ${error.sipStatus}` : '';
  console.error(`not transferred: ${why ? `${why} (${error.message})` : error.message}`);
  process.exitCode = 1;
}
