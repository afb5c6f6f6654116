import HSSModel
import TestSupport
import Testing

@testable import Vd

/// "every hb_interval (usual: 60 s) a 40-byte packet, big endian: magic 0xCC 0x00 · length uint16 = 40 · macid 16
/// ASCII digits · cmd 0x4A · 3 reserved bytes · token 16 bytes, zero padded" (device documents, hibernation).
@Suite("Hibernation, device documents") struct HibernationTests {
    private static let packet: [UInt8] =
        [0xCC, 0x00, 0x00, 0x28] + Array("1000000000000042".utf8) + [0x4A, 0, 0, 0] + Array("secret-12".utf8)
        + Array(repeating: 0, count: 7)

    private func heartbeat(token: String = "secret-12") throws -> HibernationHeartbeat {
        let identity = try #require(HibernationIdentity(MACIdentity(unchecked: "1000000000000042")))
        return try #require(HibernationHeartbeat(identity: identity, token: Secret(token)))
    }

    @Test func isWrittenToTheByte() throws {
        #expect(try heartbeat().encoded() == Self.packet)
        #expect(try HibernationHeartbeat(parsing: Self.packet) == heartbeat())
        #expect(WakeUp.bytes == [0x54, 0x4F, 0x57, 0x41, 0x4B, 0x45, 0x55, 0x50])
    }

    @Test func theReservedBytesMayHoldAnything() throws {
        var packet = Self.packet
        packet[21...23] = [1, 2, 3]
        #expect(try HibernationHeartbeat(parsing: packet) == heartbeat())
    }

    @Test(arguments: [
        (0, 0xCD, "magic"), (1, 0x01, "magic"), (2, 0x01, "length"), (3, 0x27, "length"),
        (4, 0x41, "macid"), (19, 0x00, "macid"), (19, 0x3A, "macid"), (20, 0x4B, "cmd"),
        (24, 0x00, "token"), (25, 0x20, "token"), (30, 0x80, "token"), (39, 0x30, "token"),
    ]) func oneWrongByteIsRefused(at place: Int, value: Int, field: String) {
        var packet = Self.packet
        packet[place] = UInt8(value)
        let error = #expect(throws: FieldError.self) { try HibernationHeartbeat(parsing: packet) }
        #expect(error?.field == field)
    }

    @Test(arguments: [
        ("1000000000000042", true), ("10:00:00:00:00:00:00:42", true), ("00:11:22:33:44:55", false),
        ("001122AABBCCDDEE", false), ("100000000000004", false), ("10000000000000420", false),
    ]) func onlySixteenDigitsCanHibernate(identity: String, can: Bool) {
        #expect((HibernationIdentity(MACIdentity(unchecked: identity)) != nil) == can)
    }

    @Test(arguments: ["", "12345678901234567", "with space", "ü"]) func tokensThatDoNotFit(
        token: String
    ) throws {
        let identity = try #require(HibernationIdentity(MACIdentity(unchecked: "1000000000000042")))
        #expect(HibernationHeartbeat(identity: identity, token: Secret(token)) == nil)
    }

    @Test func aTokenMayFillItsField() throws {
        let full = try heartbeat(token: "0123456789abcdef")
        #expect(try HibernationHeartbeat(parsing: full.encoded()) == full)
    }

    @Test func everyPrefixIsAwaitedAndNeverAPacket() throws {
        for length in 0..<Self.packet.count {
            #expect(throws: FieldError.self) {
                try HibernationHeartbeat(parsing: Array(Self.packet[..<length]))
            }
            var reader = HibernationReader()
            #expect(try reader.receive(Self.packet[..<length]).isEmpty)
            #expect(try reader.receive(Self.packet[length...]) == [heartbeat()])
        }
    }

    /// A stranger is found out at its first wrong byte, not after 40.
    @Test func garbageIsRefusedAtOnce() {
        for garbage in [Array("GET / HTTP/1.1".utf8), [0x16, 0x03, 0x01], [0xCC, 0x00, 0x01]] {
            var reader = HibernationReader()
            #expect(throws: FieldError.self) { try reader.receive(garbage) }
        }
    }

    @Test func packetsAreFoundHoweverTheyAreCut() throws {
        var random = SeededGenerator(seed: 7)
        let stream = Array(repeating: Self.packet, count: 20).flatMap(\.self)
        for _ in 0..<100 {
            var reader = HibernationReader()
            var rest = stream[...]
            var found = 0
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...90, using: &random))
                found += try reader.receive(piece).count
                rest = rest.dropFirst(piece.count)
            }
            #expect(found == 20)
        }
    }

    @Test func randomBytesNeverTrap() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<2000 {
            var packet = Self.packet
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<packet.count, using: &random)
                packet[place] = UInt8.random(in: 0...255, using: &random)
            }
            if let read = try? HibernationHeartbeat(parsing: packet) {
                packet[21...23] = [0, 0, 0]
                #expect(read.encoded() == packet)
            }
        }
    }

    @Test func theWakeUpIsFoundHoweverItIsCut() throws {
        for cut in 0...WakeUp.bytes.count {
            var reader = WakeUpReader()
            let first = try reader.receive(WakeUp.bytes[..<cut])
            #expect(first == (cut == WakeUp.bytes.count))
            if !first { #expect(try reader.receive(WakeUp.bytes[cut...])) }
        }
        var reader = WakeUpReader()
        #expect(throws: FieldError.self) { try reader.receive("TOWAKEN".utf8) }
    }
}
