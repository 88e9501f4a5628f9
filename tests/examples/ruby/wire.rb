# What both stand-ins for the gem livekit-server-sdk have in common: its requests on the wire.
#
# Protobuf by Twirp, a token of ten minutes, an answer that counts only as `application/protobuf`.
# The messages are LiveKit's own: PROTOCOL is a folder of serialized descriptors, in the order in
# which they need each other. What a call returns or raises is the release's own, see v0 and v1.
require 'faraday'
require 'google/protobuf'
require 'json'
require 'jwt'

module Twirp
  Error = Struct.new(:code, :msg, :meta)
  ClientResp = Struct.new(:data, :error)
end

module LiveKit
  PROTOBUF = 'application/protobuf'.freeze
  POOL = Google::Protobuf::DescriptorPool.new
  Dir[File.join(ENV.fetch('PROTOCOL'), '*')].sort.each do |file|
    POOL.add_serialized_file(File.binread(file))
  end

  def self.message(name)
    POOL.lookup(name).msgclass
  end

  # Its class must be there before an answer that has some is looked into.
  PARTICIPANT = message('livekit.ParticipantInfo')

  # One service; `call` is the Twirp request, its answer a ClientResp.
  class Client
    def initialize(url, api_key:, api_secret:)
      @api_key = api_key
      @api_secret = api_secret
      @http = Faraday.new(url: "#{url.sub(/\Aws/, 'http')}/twirp")
    end

    private

    def call(method, request, answer, **grants)
      headers = { 'Content-Type' => PROTOBUF, 'Authorization' => "Bearer #{token(grants)}" }
      reply = @http.post("livekit.#{method}", request.to_proto, headers)
      return Twirp::ClientResp.new(nil, refusal(reply)) unless reply.status == 200

      type = reply.headers['content-type']
      raise "an answer of type #{type}" if type != PROTOBUF

      Twirp::ClientResp.new(answer.decode(reply.body), nil)
    end

    def refusal(reply)
      body = JSON.parse(reply.body)
      Twirp::Error.new(body['code'].to_sym, body['msg'], body['meta'] || {})
    rescue JSON::ParserError # LiveKit's 401 is text
      Twirp::Error.new(:unauthenticated, "HTTP status code #{reply.status}", {})
    end

    def token(grants)
      now = Time.now.to_i
      JWT.encode({ iss: @api_key, nbf: now - 5, exp: now + 600, **grants }, @api_secret, 'HS256')
    end
  end

  class RoomServiceClient < Client
    def list_participants(room:)
      request = LiveKit.message('livekit.ListParticipantsRequest').new(room: room)
      answer = LiveKit.message('livekit.ListParticipantsResponse')
      grants = { video: { roomAdmin: true, room: room } }
      result(call('RoomService/ListParticipants', request, answer, **grants))
    end
  end

  class SIPServiceClient < Client
    def transfer_sip_participant(room_name, participant_identity, transfer_to, play_dialtone: nil)
      request = LiveKit.message('livekit.TransferSIPParticipantRequest').new(
        room_name: room_name, participant_identity: participant_identity,
        transfer_to: transfer_to, play_dialtone: play_dialtone
      )
      grants = { video: { roomAdmin: true, room: room_name }, sip: { call: true } }
      answer = LiveKit.message('google.protobuf.Empty')
      result(call('SIP/TransferSIPParticipant', request, answer, **grants))
    end
  end
end
