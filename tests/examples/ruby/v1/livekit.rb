# Stands for livekit-server-sdk 1.0.0: a call returns the message itself, and raises.
require_relative '../wire'

module LiveKit
  class TwirpError < StandardError
    attr_reader :code, :metadata

    def initialize(error)
      super(error.msg)
      @code = error.code
      @metadata = error.meta
    end
  end

  # Raised where a SIP answer decided.
  class SipCallError < TwirpError
    def sip_status_code
      metadata['sip_status_code'].to_i
    end

    def sip_status
      metadata['sip_status']
    end

    def message
      "SIP call failed: #{sip_status_code} #{sip_status} (#{code})"
    end
  end

  class Client
    private

    def result(response)
      error = response.error
      return response.data unless error

      raise (error.meta.key?('sip_status_code') ? SipCallError : SipCallError.superclass), error
    end
  end
end
