import Bus
import HSSModel
import HostClock
import ServerKit
import Synchronization
import Vm

/// Who watches over HLS. A player makes many requests, which nothing ties together but the session's name in their path:
/// the ticket is looked at once, when the session opens, and the name is as hard to guess as the ticket.
///
/// A session counts as a viewer from its first request until it has asked for nothing for `hlsSilence`. One ticket opens
/// one session, however often it is shown.
final class HLSSessions: Sendable {
    private struct Entry {
        var session: HLSSession
        var stream: StreamID
        var nonce: Ticket.Nonce
        var muxer: HLSMuxer
        var place: UInt64
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var byTicket: [Ticket.Nonce: String] = [:]
        /// With the number of their sessions; by the hub that each reads and keeps alive.
        var muxers: [ObjectIdentifier: (muxer: HLSMuxer, sessions: Int)] = [:]
        var isOpen = true
    }

    private let limits: MediaLimits
    private let table: StreamTable
    private let metrics: MediaMetrics
    private let state = Mutex(State())
    private let starts: AsyncStream<HLSMuxer>
    private let start: AsyncStream<HLSMuxer>.Continuation

    init(limits: MediaLimits, table: StreamTable, metrics: MediaMetrics) {
        self.limits = limits
        self.table = table
        self.metrics = metrics
        (starts, start) = AsyncStream.makeStream()
    }

    /// Runs a task for each stream that is watched, until ``shutDown()``.
    func run() async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.sweepRegularly() }
            for await muxer in starts { tasks.addTask { await muxer.run() } }
            tasks.cancelAll()
        }
    }

    /// Once a second.
    private func sweepRegularly() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { sweep(at: .now) }
    }

    func shutDown() {
        let (entries, muxers) = state.withLock { state in
            state.isOpen = false
            defer { (state.entries, state.byTicket, state.muxers) = ([:], [:], [:]) }
            return (Array(state.entries.values), state.muxers.values.map(\.muxer))
        }
        for entry in entries { table.leave(entry.stream, viewer: entry.place, .shuttingDown, at: .now) }
        for muxer in muxers { muxer.finish() }
        start.finish()
    }

    // MARK: Sessions

    /// The session of this ticket; opens one where there is none.
    func open(_ ticket: Ticket, from viewer: ViewerPeer) throws(MediaRefusal) -> HLSSession {
        if let known = session(of: ticket) { return known }
        let session = HLSSession(waits: limits.hlsWaitsPerSession, at: .now)
        let peer = MediaPeer(
            address: viewer.address,
            isEncrypted: viewer.isEncrypted,
            tally: session.tally
        )
        let place = try table.join(ticket, .hls, from: peer, at: .now) { [self] in stopped(session, $0) }
        let outcome = state.withLock { state -> Opening in
            guard state.isOpen, session.end == nil else { return .late }
            if let name = state.byTicket[ticket.nonce], let other = state.entries[name]?.session,
                other.end == nil
            {
                return .second(other)
            }
            let hub = ObjectIdentifier(place.hub)
            let known = state.muxers[hub].flatMap { $0.muxer.hasEnded ? nil : $0 }
            let muxer =
                known?.muxer ?? HLSMuxer(place.hub, limits: limits, metrics: metrics, at: .now)
            state.muxers[hub] = (muxer, (known?.sessions ?? 0) + 1)
            state.byTicket[ticket.nonce] = session.name
            state.entries[session.name] = Entry(
                session: session,
                stream: ticket.stream,
                nonce: ticket.nonce,
                muxer: muxer,
                place: place.id
            )
            return .opened(isNew: known == nil, muxer)
        }
        switch outcome {
        case .opened(let isNew, let muxer):
            if isNew, case .terminated = start.yield(muxer) {
                // Nobody would run it, and requests would wait for it.
                muxer.stop()
                throw .shuttingDown
            }
            return session
        case .second(let other):
            table.leave(ticket.stream, viewer: place.id, .closedByPeer, at: .now)
            return other
        case .late:
            table.leave(ticket.stream, viewer: place.id, .closedByPlatform, at: .now)
            throw .notRunning
        }
    }

    private enum Opening {
        case opened(isNew: Bool, HLSMuxer)
        /// Two requests with one ticket came at once.
        case second(HLSSession)
        /// The stream ended, or the platform, meanwhile.
        case late
    }

    private func session(of ticket: Ticket) -> HLSSession? {
        state.withLock { state in
            guard let entry = state.byTicket[ticket.nonce].flatMap({ state.entries[$0] }),
                entry.session.end == nil
            else { return nil }
            entry.session.heard(at: .now)
            return entry.session
        }
    }

    /// What a request with the session's name is for; `nil`: there is no such session, or it is no longer allowed.
    func find(_ name: String, of stream: StreamID) -> (session: HLSSession, muxer: HLSMuxer)? {
        state.withLock { state in
            guard let entry = state.entries[name], entry.stream == stream else { return nil }
            entry.session.heard(at: .now)
            return (entry.session, entry.muxer)
        }
    }

    /// Runs under the table's lock, which has forgotten the viewer already.
    private func stopped(_ session: HLSSession, _ reason: MediaEnd) {
        session.end(reason, at: .now)
        let muxer = state.withLock { state -> HLSMuxer? in
            guard let entry = state.entries[session.name] else { return nil }
            // What is there may be seen to its end, then ``sweep(at:)`` forgets the session.
            guard !reason.letsViewersFinish else { return entry.muxer }
            return remove(session.name, &state)
        }
        guard let muxer else { return }
        if reason.letsViewersFinish { muxer.finish() } else { muxer.stop() }
    }

    /// Ends sessions that ask for nothing any more, and those whose stream ended some time ago, whatever they ask.
    func sweep(at now: Instant) {
        let (silent, idle, muxers) = state.withLock { state in
            let silent = state.entries.values.filter { $0.session.isOver(at: now, after: limits.hlsSilence) }
            let idle = silent.compactMap { remove($0.session.name, &state) }
            return (silent, idle, state.muxers.values.map(\.muxer))
        }
        for muxer in idle { muxer.stop() }
        for entry in silent where entry.session.end == nil {
            table.leave(entry.stream, viewer: entry.place, .closedByPeer, at: .now)
        }
        for muxer in muxers { muxer.sweep(at: now) }
    }

    /// Returns the muxer that nobody needs any more.
    private func remove(_ name: String, _ state: inout State) -> HLSMuxer? {
        guard let entry = state.entries.removeValue(forKey: name) else { return nil }
        if state.byTicket[entry.nonce] == name { state.byTicket[entry.nonce] = nil }
        let hub = ObjectIdentifier(entry.muxer.hub)
        guard let (muxer, sessions) = state.muxers[hub], muxer === entry.muxer else {
            // It had finished, and another one came for the same hub.
            return nil
        }
        state.muxers[hub] = sessions > 1 ? (muxer, sessions - 1) : nil
        return sessions > 1 ? nil : muxer
    }
}

/// One player, or some that share an address.
final class HLSSession: Sendable {
    private struct State {
        var lastHeard: Instant
        var waiting = 0
        var end: (reason: MediaEnd, time: Instant)?
    }

    let name: String
    let tally: Tally
    private let mostWaiting: Int
    private let state: Mutex<State>

    init(waits: Int, at now: Instant) {
        name = RandomName.make()
        mostWaiting = waits
        tally = Tally(at: now)
        state = Mutex(State(lastHeard: now))
    }

    var end: MediaEnd? { state.withLock { $0.end?.reason } }

    /// It has asked for nothing for so long, or what it may still see has been there for so long.
    func isOver(at now: Instant, after silence: Duration) -> Bool {
        state.withLock { state in
            if let end = state.end { return now - end.time > silence }
            return state.waiting == 0 && now - state.lastHeard > silence
        }
    }

    func heard(at now: Instant) { state.withLock { $0.lastHeard = now } }

    func end(_ reason: MediaEnd, at now: Instant) {
        state.withLock { $0.end = $0.end ?? (reason, now) }
    }

    /// False: too many requests of this session wait already.
    func beginWaiting() -> Bool {
        state.withLock { state in
            guard state.waiting < mostWaiting else { return false }
            state.waiting += 1
            return true
        }
    }

    func endWaiting(at now: Instant) {
        state.withLock { state in
            state.waiting -= 1
            state.lastHeard = now
        }
    }
}
