# Stands for releases after 1.0.0, which call the error ServerError.
require_relative '../v1/livekit'

module LiveKit
  ServerError = TwirpError
  remove_const :TwirpError
end
