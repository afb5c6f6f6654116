import Bus
import HSSModel
import NIOCore
import SRTTransport

/// One viewer over SRT: a place in ``RecentMedia`` that moves on as fast as its connection takes what is there.
///
/// libsrt's send buffer is its queue, and grows for good by whatever is put into it. So a viewer that comes in the
/// middle is not handed its whole group of pictures at once but a little ahead of what it has acknowledged, until it
/// has caught up with the stream; from there on it gets everything as it comes. One that has not caught up when the
/// next key frame comes goes on there: pictures that lack some of their data show worse.
struct SRTViewer {
    /// What a connection may be asked for and taken from; a socket, but for tests.
    protocol Connection: Sendable {
        /// Messages and octets handed over that are not acknowledged.
        var sendQueue: (messages: Int, bytes: Int) { get }
        func send(_ message: UnsafeRawBufferPointer) throws(SRTError) -> Bool
    }

    /// Messages that wait to be acknowledged while a viewer catches up: 60 fill the 64 blocks of libsrt's send buffer
    /// that one key frame of a usual stream takes anyway.
    static let messagesAhead = 60
    /// Who has not caught up after so long is far away: twice as many from then on, again and again, until some 2.5 MB.
    static let patience: Duration = .milliseconds(200)
    private static let mostDoublings = 5

    let id: UInt64
    let connection: any Connection
    private let tally: Tally?
    let stop: @Sendable (MediaEnd) -> Void
    /// What it gets next; `nil`: it waits for a key frame.
    private(set) var place: Int?
    private var needsTables = true
    /// Since when it is behind the stream; `nil`: it has caught up.
    private var behindSince: Instant?
    /// Since when nothing could be sent.
    private(set) var stuckSince: Instant?

    /// What moving on came to.
    struct Progress: Equatable {
        var octets = 0
        /// Messages that it will never get.
        var skipped = 0
    }

    init(
        id: UInt64,
        _ connection: any Connection,
        tally: Tally? = nil,
        stop: @escaping @Sendable (MediaEnd) -> Void
    ) {
        self.id = id
        self.connection = connection
        self.tally = tally
        self.stop = stop
    }

    /// Its stream begins anew.
    mutating func restart() {
        place = nil
        behindSince = nil
        stuckSince = nil
    }

    /// It is behind what has come, and has a place from which to go on.
    var isBehind: Bool { behindSince != nil }

    /// Sends on from its place. `tables` come before the first picture. `beginsAnywhere`: no picture has to be waited for.
    /// Unpaced: everything, for there will be no other time.
    mutating func advance(
        through media: RecentMedia,
        tables: ByteBuffer,
        beginsAnywhere: Bool,
        isPaced: Bool = true,
        at now: Instant
    ) -> Progress {
        var progress = Progress()
        if let place, place < media.start {
            // The group that it was given has ended.
            progress.skipped = (media.start - place + SRTSocket.usualMessage - 1) / SRTSocket.usualMessage
            tally?.add(skips: progress.skipped)
            self.place = nil
        }
        if place == nil, media.isWhole || beginsAnywhere {
            place = media.start
            needsTables = true
            behindSince = now
        }
        guard var place, place < media.end || needsTables else {
            behindSince = nil
            stuckSince = nil
            return progress
        }
        var room = isPaced ? room(at: now) : .max
        if needsTables, room > 0 {
            if tables.withUnsafeReadableBytes({ send(messagesOf: $0) }) {
                needsTables = false
                progress.octets += tables.readableBytes
            } else {
                room = 0
            }
        }
        while room > 0, place < media.end {
            let sent = media.withMessage(at: place) { send($0) ? $0.count : 0 }
            guard sent > 0 else { break }
            place += sent
            room -= 1
            progress.octets += sent
        }
        self.place = place
        tally?.add(octets: progress.octets)
        behindSince = place == media.end ? nil : behindSince ?? now
        stuckSince = progress.octets > 0 ? nil : stuckSince ?? now
        return progress
    }

    private func room(at now: Instant) -> Int {
        guard let behindSince else { return .max }
        let doublings = min(Int((now - behindSince) / Self.patience), Self.mostDoublings)
        return Self.messagesAhead << doublings - connection.sendQueue.messages
    }

    private func send(messagesOf bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard send(UnsafeRawBufferPointer(rebasing: rest.prefix(SRTSocket.usualMessage))) else {
                return false
            }
            rest = rest.dropFirst(SRTSocket.usualMessage)
        }
        return true
    }

    /// A connection that is gone shows up in its own lane, which closes it; here it is only one that takes nothing.
    private func send(_ message: UnsafeRawBufferPointer) -> Bool {
        do throws(SRTError) { return try connection.send(message) } catch { return false }
    }
}

extension SRTSocket: SRTViewer.Connection {}
