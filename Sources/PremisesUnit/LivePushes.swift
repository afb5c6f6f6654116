package import HSSModel
package import Vd
package import Vm

/// Names one connection to a media server; never travels.
package struct PushID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What the publisher is to push, and where to.
package struct PushOrder: Equatable, Sendable {
    package var id: PushID
    package var channel: Int
    package var stream: StreamID
    package var address: SRTAddress

    package init(id: PushID, channel: Int, stream: StreamID, address: SRTAddress) {
        self.id = id
        self.channel = channel
        self.stream = stream
        self.address = address
    }
}

/// How a connection to a media server ended.
package enum PushEnd: Equatable, Sendable {
    /// The media server does not want it: the ticket was used, or has run out. Trying again is of no use.
    case refused(String)
    /// The network or the media server broke it.
    case broken(String)
    /// The unit has no picture to push.
    case noPicture(String)
}

/// The live streams of one unit (Tables I.2-12, I.2-13): at most one on each channel.
package struct LivePushes: Sendable {
    package enum Action: Equatable, Sendable {
        case start(PushOrder)
        case stop(PushID)
        case report(UnitEvent)
        /// The platform should hear of it before the next heartbeat is due.
        case tellPlatform
    }

    /// Waits before the same address is tried again. After the last try the stream counts as not streaming.
    private static let retryDelays: [Duration] = [.milliseconds(250), .seconds(1), .seconds(2)]
    /// A stream that ran for so long starts with fresh tries.
    private static let steadyAfter: Duration = .seconds(10)

    private enum State: Sendable {
        case connecting(PushID)
        case alive(PushID, since: Instant)
        case retrying(at: Instant)
        /// ``FaultPlan/publishesNothing``
        case pretended

        var id: PushID? {
            switch self {
            case .connecting(let id), .alive(let id, _): id
            case .retrying, .pretended: nil
            }
        }
    }

    private struct Push: Sendable {
        var stream: StreamID
        var address: SRTAddress
        var state: State
        var failures = 0
    }

    private var channels: [Int: UnitProfile.Channel]
    private let faults: FaultPlan
    private var pushes: [Int: Push] = [:]
    private var lastID: UInt64 = 0

    package init(channels: [Int: UnitProfile.Channel], faults: FaultPlan = FaultPlan()) {
        self.channels = channels
        self.faults = faults
    }

    /// What Keepalive reports: a stream that is pushed or being connected.
    package func stream(on channel: Int) -> StreamID? { pushes[channel]?.stream }

    /// When ``wake(at:)`` is next needed.
    package var nextWake: Instant? {
        pushes.values.compactMap { if case .retrying(let instant) = $0.state { instant } else { nil } }.min()
    }

    // MARK: What the platform asks

    package mutating func pushLive(_ parameters: JSONObject) -> (RPCAnswer, [Action]) {
        let order: PushLive
        do { order = try PushLive(parameters) } catch { return (.failure(.parameter(error)), []) }
        func refused(_ failure: RPCFailure) -> (RPCAnswer, [Action]) {
            (.failure(failure), [.report(.pushRefused(channel: order.channel, code: failure.code))])
        }
        if let code = faults.refuseLive { return refused(RPCFailure(code, "refused on purpose")) }
        guard let channel = channels[order.channel] else { return refused(.noSuchChannel(order.channel)) }
        guard channel.state == .online else { return refused(.channelNotOnline(order.channel)) }
        guard order.maxBitrate == 0 || channel.bitrate <= order.maxBitrate else {
            return refused(.streamTooLarge)
        }
        let address: SRTAddress
        do { address = try SRTAddress(parsing: order.url) } catch {
            return refused(.parameter(FieldError("url", error.description)))
        }
        var actions: [Action] = []
        if let old = pushes[order.channel] {
            if old.stream == order.stream {
                // A stream that is between two tries has nothing to keep, and the new address a new ticket.
                guard case .retrying = old.state else { return (.success(.empty), []) }
            } else {
                actions = stop(order.channel)
            }
        }
        pushes[order.channel] = Push(stream: order.stream, address: address, state: .pretended)
        if !faults.publishesNothing { actions.append(start(order.channel)) }
        actions.append(.report(.pushStarted(channel: order.channel, stream: order.stream)))
        return (.success(.empty), actions)
    }

    /// A success also where there is no such stream (Table I.2-13); another stream on the channel goes on.
    package mutating func stopLive(_ parameters: JSONObject) -> (RPCAnswer, [Action]) {
        let order: StopLive
        do { order = try StopLive(parameters) } catch { return (.failure(.parameter(error)), []) }
        guard pushes[order.channel]?.stream == order.stream else { return (.success(.empty), []) }
        return (.success(.empty), stop(order.channel))
    }

    /// The unit's own news of a channel: one that is not online has no picture to push.
    package mutating func setState(_ state: ChannelState, of channel: Int) -> [Action] {
        channels[channel]?.state = state
        return state == .online ? [] : stop(channel)
    }

    package mutating func stopAll() -> [Action] {
        pushes.keys.sorted().flatMap { stop($0) }
    }

    // MARK: What the publisher tells

    /// Late news of a connection that was stopped changes nothing, here and below.
    package mutating func started(_ id: PushID, at now: Instant) -> [Action] {
        guard let channel = channel(of: id), let push = pushes[channel] else { return [] }
        pushes[channel]?.state = .alive(id, since: now)
        return [.report(.published(channel: channel, stream: push.stream))]
    }

    package mutating func ended(_ id: PushID, _ end: PushEnd, at now: Instant) -> [Action] {
        guard let channel = channel(of: id), var push = pushes[channel] else { return [] }
        if case .alive(_, let since) = push.state, now - since >= Self.steadyAfter { push.failures = 0 }
        let reason: String
        switch end {
        case .broken(let text):
            guard push.failures < Self.retryDelays.count else {
                reason = text
                break
            }
            push.state = .retrying(at: now + Self.retryDelays[push.failures])
            push.failures += 1
            pushes[channel] = push
            return [.report(.pushInterrupted(channel: channel, stream: push.stream, text))]
        case .refused(let text), .noPicture(let text):
            reason = text
        }
        pushes[channel] = nil
        return [.report(.pushFailed(channel: channel, stream: push.stream, reason)), .tellPlatform]
    }

    package mutating func wake(at now: Instant) -> [Action] {
        pushes.keys.sorted().compactMap { channel in
            guard case .retrying(let instant) = pushes[channel]?.state, instant <= now else { return nil }
            return start(channel)
        }
    }

    // MARK: Helpers

    private func channel(of id: PushID) -> Int? {
        pushes.first { $0.value.state.id == id }?.key
    }

    /// For a channel that has a push.
    private mutating func start(_ channel: Int) -> Action {
        lastID += 1
        let id = PushID(lastID)
        pushes[channel]?.state = .connecting(id)
        guard let push = pushes[channel] else { return .stop(id) }
        return .start(PushOrder(id: id, channel: channel, stream: push.stream, address: push.address))
    }

    private mutating func stop(_ channel: Int) -> [Action] {
        guard let push = pushes.removeValue(forKey: channel) else { return [] }
        let report = Action.report(.pushStopped(channel: channel, stream: push.stream))
        return push.state.id.map { [.stop($0), report] } ?? [report]
    }
}
