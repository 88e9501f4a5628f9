# Stands for livekit-server-sdk 0.x: a call returns a Twirp::ClientResp with `data` and `error`.
require_relative '../wire'

module LiveKit
  class Client
    private

    def result(response)
      response
    end
  end
end
