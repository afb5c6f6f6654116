package import HSSModel

/// Puts messages back in order by the sequence number of their packet (31 bits, SRT clause 3.1).
///
/// Needed because libsrt without TSBPD hands out what follows a loss at once; TSBPD would cost a thread for each
/// publisher and 120 ms of delay for each packet, lost or not (FACTS). In order a message costs one comparison and
/// no copy. What follows a hole is kept until the hole is filled or `holeDeadline` has passed, at most ``window``
/// messages.
package struct PacketReorder: ~Copyable {
    /// Messages kept behind a hole; at 8 Mbit/s some 2.7 s.
    package static let window = 2048
    private static let mask: UInt32 = 0x7FFF_FFFF

    private struct Kept {
        var message: [UInt8]
        var arrivedAt: Instant
    }

    private let holeDeadline: Duration
    private var next: UInt32?
    /// Slot `sequence % window`; empty until the first loss.
    private var kept: [Kept?] = []
    private var keptCount = 0
    /// When the first message behind the oldest hole came.
    private var holeSince = Instant(nanoseconds: 0)

    /// Messages given up for lost.
    package private(set) var skipped = 0
    /// Messages that came twice, or after they had been given up.
    package private(set) var late = 0

    /// `holeDeadline`: how long a hole may hold up what follows it, usually the SRT latency.
    package init(holeDeadline: Duration) {
        self.holeDeadline = holeDeadline
    }

    package var hasHole: Bool { keptCount > 0 }

    /// Takes one message, which must not be empty, and delivers what is now in order.
    @inline(__always)
    package mutating func push(
        _ message: UnsafeRawBufferPointer,
        sequence: UInt32,
        at now: Instant,
        deliver: (UnsafeRawBufferPointer) -> Void
    ) {
        if sequence == next {
            next = (sequence &+ 1) & Self.mask
            deliver(message)
            if keptCount > 0 { drain(deliver) }
        } else {
            pushOutOfOrder(message, sequence, now, deliver)
        }
    }

    /// Gives up the oldest hole when its time has passed. To be called now and then, because the message that
    /// would show it may not come.
    package mutating func giveUpHoles(at now: Instant, deliver: (UnsafeRawBufferPointer) -> Void) {
        while keptCount > 0, now - holeSince >= holeDeadline { skipHole(deliver) }
    }

    /// Delivers everything that is kept, over all holes: nothing more will come.
    package mutating func finish(deliver: (UnsafeRawBufferPointer) -> Void) {
        while keptCount > 0 { skipHole(deliver) }
    }

    @inline(never)
    private mutating func pushOutOfOrder(
        _ message: UnsafeRawBufferPointer,
        _ sequence: UInt32,
        _ now: Instant,
        _ deliver: (UnsafeRawBufferPointer) -> Void
    ) {
        guard let expected = next else {
            next = (sequence &+ 1) & Self.mask
            return deliver(message)
        }
        let distance = Self.distance(from: expected, to: sequence)
        guard distance > 0 else {
            late += 1
            return
        }
        if distance >= Self.window { makeRoom(for: sequence, deliver) }
        keep(message, sequence, now)
        giveUpHoles(at: now, deliver: deliver)
    }

    private mutating func keep(_ message: UnsafeRawBufferPointer, _ sequence: UInt32, _ now: Instant) {
        if kept.isEmpty { kept = Array(repeating: nil, count: Self.window) }
        let slot = Int(sequence) % Self.window
        guard kept[slot] == nil else {
            late += 1
            return
        }
        if keptCount == 0 { holeSince = now }
        kept[slot] = Kept(message: Array(message), arrivedAt: now)
        keptCount += 1
    }

    /// Gives up holes from the oldest on until `sequence` fits into the window.
    private mutating func makeRoom(for sequence: UInt32, _ deliver: (UnsafeRawBufferPointer) -> Void) {
        while keptCount > 0, let expected = next,
            Self.distance(from: expected, to: sequence) >= Self.window
        {
            skipHole(deliver)
        }
        guard let expected = next else { return }
        let excess = Self.distance(from: expected, to: sequence) - (Self.window - 1)
        guard excess > 0 else { return }
        skipped += excess
        next = (expected &+ UInt32(excess)) & Self.mask
    }

    /// Moves on to the next message that is kept.
    private mutating func skipHole(_ deliver: (UnsafeRawBufferPointer) -> Void) {
        while keptCount > 0, let expected = next, kept[Int(expected) % Self.window] == nil {
            next = (expected &+ 1) & Self.mask
            skipped += 1
        }
        drain(deliver)
    }

    private mutating func drain(_ deliver: (UnsafeRawBufferPointer) -> Void) {
        while keptCount > 0, let expected = next {
            let slot = Int(expected) % Self.window
            guard let found = kept[slot] else {
                holeSince = oldestArrival(behind: slot)
                return
            }
            kept[slot] = nil
            keptCount -= 1
            next = (expected &+ 1) & Self.mask
            found.message.withUnsafeBytes(deliver)
        }
    }

    /// A hole counts from the arrival of what follows it, not from the moment an older hole was filled: else the
    /// delays of several holes would add up.
    private func oldestArrival(behind slot: Int) -> Instant {
        for offset in 1..<Self.window {
            if let found = kept[(slot + offset) % Self.window] { return found.arrivedAt }
        }
        return holeSince
    }

    /// -2³⁰ to 2³⁰ - 1: which way round is shorter.
    private static func distance(from first: UInt32, to second: UInt32) -> Int {
        Int(Int32(bitPattern: (second &- first) << 1) >> 1)
    }
}
