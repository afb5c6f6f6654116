/// What the hibernation server says to a sleeping unit that is wanted: 8 bytes, ASCII `TOWAKEUP`. The unit then
/// opens Vd.
package enum WakeUp {
    package static let bytes = Array("TOWAKEUP".utf8)
}

/// Waits for ``WakeUp`` in what arrives at a sleeping unit. Keeps less than one packet.
package struct WakeUpReader: Sendable {
    private var received = 0

    package init() {}

    /// True once the packet is complete; what follows it does not matter any more. After an error the
    /// connection is of no more use.
    package mutating func receive(_ bytes: some Sequence<UInt8>) throws(FieldError) -> Bool {
        for byte in bytes {
            guard byte == WakeUp.bytes[received] else { throw FieldError("packet", "expected TOWAKEUP") }
            received += 1
            if received == WakeUp.bytes.count {
                received = 0
                return true
            }
        }
        return false
    }
}
