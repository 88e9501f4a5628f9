# Transfer a caller: `gem install livekit-server-sdk`, then
# `ruby cold_transfer.rb ROOM TARGET [IDENTITY]`.
#
# TARGET is a `tel:` or `sip:` address. Without IDENTITY it takes the only phone in the room.
# For livekit-server-sdk 1.0 and newer, and for 0.x.
require 'livekit'

def setting(name)
  ENV.fetch(name, '').then { |value| value.empty? ? abort("#{name} is not set") : value }
end

def clients
  url = setting('LIVEKIT_URL')
  keys = { api_key: setting('LIVEKIT_API_KEY'), api_secret: setting('LIVEKIT_API_SECRET') }
  [LiveKit::RoomServiceClient.new(url, **keys), LiveKit::SIPServiceClient.new(url, **keys)]
end

# What 1.0 raises; releases after it say ServerError. 0.x raises neither.
REFUSALS = %i[TwirpError ServerError].select { |name| LiveKit.const_defined?(name) }
                                     .map { |name| LiveKit.const_get(name) }.freeze

# What the server answered to the call in the block; a refusal ends the program.
def answer
  response = yield
  return response unless response.is_a?(Twirp::ClientResp) # 1.0: the message itself

  error = response.error
  error ? not_transferred(error.msg, error.meta) : response.data
rescue *REFUSALS => e
  not_transferred(e.message, e.metadata)
rescue Faraday::Error => e # no server there, or no answer in time
  not_transferred(e.message)
end

# `meta` has a SIP status where somebody on the telephone side said no.
def not_transferred(message, meta = {})
  sip = "#{meta['sip_status_code']} #{meta['sip_status']}".strip
  abort "not transferred: #{sip.empty? ? message : sip}"
end

def only_phone(room_service, room)
  found = answer { room_service.list_participants(room: room) }.participants
  names = found.select { |one| one.kind == :SIP }.map(&:identity)
  return names.first if names.one?

  abort "phones in #{room}: #{names.empty? ? 'none' : names.join(', ')}; say which one to transfer"
end

room, target, identity = ARGV
abort "usage: #{$PROGRAM_NAME} ROOM TARGET [IDENTITY]" unless target

room_service, sip_service = clients
caller_identity = identity || only_phone(room_service, room)
puts "transferring #{caller_identity} to #{target} ..."
answer do
  sip_service.transfer_sip_participant(room, caller_identity, target, play_dialtone: true)
end
puts "#{caller_identity} now talks to #{target}"
