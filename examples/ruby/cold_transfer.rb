# Transfer a caller: `gem install livekit-server-sdk`, then
# `ruby cold_transfer.rb ROOM TARGET [IDENTITY]`.
#
# TARGET is a `tel:` or `sip:` address. Without IDENTITY it takes the only phone in the room.
require 'livekit'

URL = ENV.fetch('LIVEKIT_URL')
KEYS = { api_key: ENV.fetch('LIVEKIT_API_KEY'), api_secret: ENV.fetch('LIVEKIT_API_SECRET') }.freeze

# What the server answered; its refusal ends the program.
def data(response)
  return response.data unless response.error

  error = response.error
  sip = "#{error.meta['sip_status_code']} #{error.meta['sip_status']} ".lstrip # said by a phone
  abort "not transferred: #{sip}(#{error.msg})"
end

def only_phone(room)
  client = LiveKit::RoomServiceClient.new(URL, **KEYS)
  phones = data(client.list_participants(room: room)).participants.select { |one| one.kind == :SIP }
  names = phones.map(&:identity)
  return names.first if names.one?

  abort "phones in #{room}: #{names.empty? ? 'none' : names.join(', ')}; say which one to transfer"
end

room, target, identity = ARGV
abort "usage: #{$PROGRAM_NAME} ROOM TARGET [IDENTITY]" unless target

caller_identity = identity || only_phone(room)
puts "transferring #{caller_identity} to #{target} ..."
client = LiveKit::SIPServiceClient.new(URL, **KEYS)
data(client.transfer_sip_participant(room, caller_identity, target, play_dialtone: true))
puts "#{caller_identity} now talks to #{target}"
