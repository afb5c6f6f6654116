import Bus
import Glibc
import HSSModel
import HostClock
import SRTTransport
import Vm

/// What the thread of a ``Lane`` does. Everything here belongs to that thread.
final class LaneLoop {
    private enum Connection {
        case publisher(LanePublisher)
        case viewer(StreamID, StreamTable.Place)
        /// Ended by us, still showing what it was sent.
        case lingering(until: Instant)
    }

    /// No viewer is waited for longer than this, whatever latency it asked for.
    private static let longestLinger: Duration = .seconds(2)

    /// Messages taken from one publisher before the next has its turn: 5 ms at 1 Gbit/s.
    private static let messagesAtOnce = 512

    private let lane: Lane
    private let poll: SRTPoll
    private let admission: Admission
    private let table: StreamTable
    private let metrics: MediaMetrics
    private let settings: MediaSettings
    /// One lane does it for all.
    private let sweepsTable: Bool
    private var connections: [SRTSocket: Connection] = [:]
    private var publishers: [LanePublisher] = []
    private var nextCheck = Instant(nanoseconds: 0)
    private var lingering = 0
    private var isStopping = false

    init(
        _ lane: Lane,
        admission: Admission,
        table: StreamTable,
        metrics: MediaMetrics,
        settings: MediaSettings,
        sweepsTable: Bool
    ) {
        self.lane = lane
        poll = lane.poll
        self.admission = admission
        self.table = table
        self.metrics = metrics
        self.settings = settings
        self.sweepsTable = sweepsTable
    }

    func run() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: SRTSocket.longestMessage,
            alignment: 16
        )
        defer { buffer.deallocate() }
        while !isStopping || !connections.isEmpty {
            usleep(Lane.tickInMicroseconds)
            let now = Instant.now
            for command in lane.takeCommands() { obey(command, at: now) }
            poll.collect(timeoutMilliseconds: 0) { socket, interest in
                if socket == lane.listener.socket {
                    acceptAll(at: now)
                } else {
                    attend(socket, interest, buffer, at: now)
                }
            }
            for publisher in publishers { serve(publisher, buffer, at: now) }
            tick(at: now)
        }
    }

    /// What has come, without waiting for libsrt to report it.
    private func serve(
        _ publisher: LanePublisher,
        _ buffer: UnsafeMutableRawBufferPointer,
        at now: Instant
    ) {
        if publisher.socket.hasMessages {
            let inOrder = publisher.socket.receivable
            // Behind a hole their number is not known. Where it fails, the poll reports it.
            let count = inOrder > 0 ? min(inOrder, Self.messagesAtOnce) : Self.messagesAtOnce
            _ = collect(count, from: publisher, into: buffer, at: now)
        }
        announceIfNew(publisher, at: now)
    }

    private func attend(
        _ socket: SRTSocket,
        _ interest: SRTPoll.Interest,
        _ buffer: UnsafeMutableRawBufferPointer,
        at now: Instant
    ) {
        if case .publisher(let publisher) = connections[socket] {
            // What came before the end still counts.
            let isAlive = collect(Self.messagesAtOnce, from: publisher, into: buffer, at: now)
            guard !isAlive || interest.contains(.failed) else { return }
            publisher.finish(at: now)
            announceIfNew(publisher, at: now)
        }
        drop(socket, .closedByPeer)
    }

    private func obey(_ command: Lane.Command, at now: Instant) {
        switch command {
        case .close(let socket):
            switch connections[socket] {
            case .viewer(_, let place):
                // SRT's shutdown makes a receiver throw away what it still holds, which is all of the last moments.
                place.hub.remove(place.id, isPaced: false, at: now)
                let linger = min(socket.peerLatency + .milliseconds(100), Self.longestLinger)
                connections[socket] = .lingering(until: now + linger)
                lingering += 1
            case .publisher: forget(socket)
            case .lingering, nil: break
            }
        case .stop:
            poll.remove(lane.listener.socket)
            lane.listener.close()
            for publisher in publishers { forget(publisher.socket) }
            isStopping = true
        }
    }

    private func closeLingering(at now: Instant) {
        for (socket, connection) in connections {
            if case .lingering(let until) = connection, until <= now { forget(socket) }
        }
    }

    private func tick(at now: Instant) {
        if lingering > 0 { closeLingering(at: now) }
        guard now >= nextCheck else { return }
        nextCheck = now + .milliseconds(500)
        if sweepsTable { table.sweep(at: now, wall: .now) }
        for publisher in publishers {
            guard let end = publisher.verdict(at: now, silence: settings.limits.silence) else { continue }
            drop(publisher.socket, end)
        }
    }

    private func announceIfNew(_ publisher: LanePublisher, at now: Instant) {
        guard publisher.tick(at: now, metrics) else { return }
        table.announce(publisher.stream, publisher: publisher.place.id, publisher.contents)
    }

    // MARK: Connections

    private func acceptAll(at now: Instant) {
        while let socket = lane.listener.accept() {
            do throws(MediaRefusal) {
                let ticket = try admission.ticket(of: socket)
                switch ticket.purpose {
                case .publish: try acceptPublisher(socket, ticket, at: now)
                case .play: try acceptViewer(socket, ticket, at: now)
                }
            } catch {
                metrics.count(error)
                socket.close()
            }
        }
    }

    private func acceptPublisher(
        _ socket: SRTSocket,
        _ ticket: Ticket,
        at now: Instant
    ) throws(MediaRefusal) {
        let place = try table.publish(ticket, from: MediaPeer(socket, at: now), at: .now) { [lane] _ in
            lane.post(.close(socket))
        }
        let publisher = LanePublisher(socket, ticket.stream, place, at: now)
        connections[socket] = .publisher(publisher)
        publishers.append(publisher)
        watch(socket, .failed)
    }

    private func acceptViewer(
        _ socket: SRTSocket,
        _ ticket: Ticket,
        at now: Instant
    ) throws(MediaRefusal) {
        let peer = MediaPeer(socket, at: now)
        let place = try table.join(ticket, .srt, from: peer, at: .now) { [lane] _ in
            lane.post(.close(socket))
        }
        connections[socket] = .viewer(ticket.stream, place)
        place.hub.add(place.id, socket, tally: place.tally, at: now) { [table, lane] reason in
            table.leave(ticket.stream, viewer: place.id, reason, at: .now)
            lane.post(.close(socket))
        }
        watch(socket, .failed)
    }

    private func watch(_ socket: SRTSocket, _ interest: SRTPoll.Interest) {
        do throws(SRTError) {
            try poll.add(socket, interest)
        } catch {
            // It broke between accept and here.
            drop(socket, .closedByPeer)
        }
    }

    /// False: the connection is gone.
    private func collect(
        _ count: Int,
        from publisher: LanePublisher,
        into buffer: UnsafeMutableRawBufferPointer,
        at now: Instant
    ) -> Bool {
        do throws(SRTError) {
            for _ in 0..<count {
                guard let (length, sequence) = try publisher.socket.receive(into: buffer) else { break }
                let message = UnsafeRawBufferPointer(rebasing: buffer[..<length])
                publisher.receive(message, sequence: sequence, at: now)
            }
            return true
        } catch {
            return false
        }
    }

    /// Ends a connection and tells.
    private func drop(_ socket: SRTSocket, _ reason: MediaEnd) {
        switch connections[socket] {
        case .publisher(let publisher):
            table.unpublish(publisher.stream, publisher: publisher.place.id, reason, at: .now)
        case .viewer(let stream, let place):
            table.leave(stream, viewer: place.id, reason, at: .now)
        case .lingering:
            break
        case nil:
            return
        }
        forget(socket)
    }

    /// Ends a connection of which everybody knows already.
    private func forget(_ socket: SRTSocket) {
        guard let connection = connections.removeValue(forKey: socket) else { return }
        switch connection {
        case .publisher: publishers.removeAll { $0.socket == socket }
        case .viewer(_, let place): place.hub.remove(place.id, at: .now)
        case .lingering: lingering -= 1
        }
        poll.remove(socket)
        socket.close()
    }
}

extension MediaPeer {
    /// A connection over SRT that stands.
    fileprivate init(_ socket: SRTSocket, at now: Instant) {
        let tally = Tally(at: now)
        self.init(
            address: socket.peer?.description,
            isEncrypted: socket.keyState == .agreed,
            tally: tally
        )
        figures = { (socket.sendQueue.bytes, socket.figures) }
    }
}
