package import HSSModel
package import Vd
package import Vs

/// Names one attempt to reach Vs or Vd, so that late news of an earlier one is known as such; never travels.
package struct AttemptID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Where a unit opens Vd (Table 9-3).
package struct SignallingAddress: Equatable, Sendable {
    package var host: String
    package var port: Int
    /// wss; the plain form is used only where Vs names no other.
    package var isSecure: Bool
    /// Path and query; carries the login password.
    package var target: Secret

    package init(host: String, port: Int, isSecure: Bool, target: Secret) {
        self.host = host
        self.port = port
        self.isSecure = isSecure
        self.target = target
    }
}

extension UnitMachine {
    package enum Input: Sendable {
        case start
        /// `hostTime`: the host's wall clock when the answer came.
        case scheduled(AttemptID, SchedulingAnswer, hostTime: WallTime)
        case schedulingFailed(AttemptID, String)
        case connected(AttemptID)
        /// Also where the connection or the login did not come about.
        case disconnected(AttemptID, String)
        /// The platform does not take what the unit showed of itself.
        case refused(AttemptID, String)
        case message(AttemptID, RPCMessage)
        case malformed(AttemptID, MalformedPacket)
        case pushStarted(PushID)
        case pushEnded(PushID, PushEnd)
        /// The customer showed a code to the unit (Table I.2-3).
        case bind(String)
        /// The host's own clock was set as ``Action/setClock(_:)`` said.
        case clockWasSet
        /// One of the profile's channels lost its picture, was switched off, or is back.
        case channel(Int, ChannelState)
        /// Something happened before the lens; its time is the host's.
        case alarm(UnitAlarm)
        /// What the device says to an order.
        case device(JobID, DeviceAnswer)
        /// A sleeping unit is wanted.
        case roused
        /// The maker's device would rather sleep now than later.
        case tired
        /// What the device tells by itself.
        case news(DeviceNews)
        case transfer(JobID, TransferNews)
        /// The host's clock, as ``Action/readClock(_:)`` wanted it.
        case clock(JobID, host: WallTime)
        /// What the one that cuts segments tells.
        case recording(RecordingID, RecordNews)
        /// What came of a ``VrOrder``.
        case vr(RecordingID, UInt64, VrReply)
        case wake
        case stop
    }

    package enum Action: Equatable, Sendable {
        case schedule(AttemptID, SchedulingRequest)
        case connect(AttemptID, SignallingAddress)
        case send(AttemptID, RPCMessage)
        /// A message that lost its end on the way (``MessageFaultPlan``).
        case sendBytes(AttemptID, [UInt8])
        /// Bytes that are no packet of Vd (``FaultPlan/sendsGarbage``).
        case sendMalformed(AttemptID)
        /// Close the connection, or give it up where it is not open yet.
        case close(AttemptID)
        /// The unit's time is the host's and so much more.
        case setClock(Duration)
        /// Answered with ``Input/clock(_:host:)``.
        case readClock(JobID)
        /// Answered with ``Input/device(_:_:)``.
        case device(JobID, DeviceOrder)
        /// Answered with ``Input/transfer(_:_:)``.
        case upload(UploadOrder)
        case download(DownloadOrder)
        /// Keep in touch until ``Input/roused``, or until the unit connects by itself.
        case hibernate(HibernationOrder)
        case startPush(PushOrder)
        case stopPush(PushID)
        /// Answered with ``Input/recording(_:_:)``: segments, and once the end.
        case startRecording(RecordingOrder)
        case stopRecording(RecordingID)
        /// Answered with ``Input/vr(_:_:_:)``.
        case vr(VrOrder)
        /// Replaces the wake before. Waking early does no harm.
        case wake(at: Instant)
        case report(UnitEvent)
    }
}
