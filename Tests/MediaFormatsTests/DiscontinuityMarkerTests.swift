import Testing

@testable import MediaFormats

/// H.222.0, 2.4.3.3 and 2.4.3.5.
@Suite("A programme that goes on with another clock, H.222.0") struct DiscontinuityMarkerTests {
    private static let map: [UInt8] = [
        0x02, 0xB0, 0, 0, 1, 0xC1, 0, 0, 0xE1, 0x00, 0xF0, 0, 0x1B, 0xE1, 0x00, 0xF0, 0, 0x0F, 0xE1, 0x01,
        0xF0, 0,
    ]

    private func packet(_ pid: UInt16, counter: UInt8, clock: Bool = false) -> [UInt8] {
        var packet: [UInt8] = [0x47, UInt8(pid >> 8), UInt8(pid & 0xFF), (clock ? 0x30 : 0x10) | counter]
        if clock { packet += [7, 0x10, 0, 0, 0, 1, 0x7E, 0] }
        return packet + [UInt8](repeating: 0xAB, count: 188 - packet.count)
    }

    private var tables: TransportStreamScanner.Tables {
        TransportStreamScanner.Tables(
            packets: packet(0, counter: 3) + packet(0x20, counter: 9),
            video: .coded(.h264, pid: 0x100),
            summary: ProgramSummary(Self.map)
        )
    }

    private func packets(_ octets: [UInt8]) -> [[UInt8]] {
        stride(from: 0, to: octets.count, by: 188).map { Array(octets[$0..<($0 + 188)]) }
    }

    private func pid(_ packet: [UInt8]) -> Int { Int(packet[1] & 0x1F) << 8 | Int(packet[2]) }

    @Test func theFirstPacketOfEachStreamIsAnnouncedOnce() {
        var marker = DiscontinuityMarker(tables)
        let run =
            packet(0x100, counter: 0, clock: true) + packet(0x100, counter: 1) + packet(0x101, counter: 5)
            + packet(0x1FFF, counter: 0)
        let marked = packets(run.withUnsafeBytes { marker.mark($0) })
        #expect(marked.map(pid) == [0x100, 0x100, 0x100, 0x101, 0x101, 0x1FFF])
        // A packet without payload, the indicator set, and the counter of what would have been before.
        #expect(marked[0].prefix(6) == [0x47, 0x01, 0x00, 0x2F, 183, 0x80])
        #expect(marked[0].dropFirst(6).allSatisfy { $0 == 0xFF })
        #expect(marked[3].prefix(6) == [0x47, 0x01, 0x01, 0x24, 183, 0x80])
        // The first reference of the new clock has the indicator itself.
        #expect(
            marked[1][5] == 0x90
                && marked[1].dropFirst(6) == packet(0x100, counter: 0, clock: true).dropFirst(6)[...]
        )
        #expect(!marker.isDone, "the tables have not come")
        let rest = packet(0, counter: 3) + packet(0x20, counter: 9) + packet(0x100, counter: 2, clock: true)
        #expect(packets(rest.withUnsafeBytes { marker.mark($0) }).map(pid) == [0, 0, 0x20, 0x20, 0x100])
        #expect(marker.isDone)
        #expect(run.withUnsafeBytes { marker.mark($0) } == run, "once for each jump")
    }

    /// A scanner sees no loss, which it does where nothing is marked.
    @Test func aReceiverSeesNoLoss() {
        let before = packet(0x100, counter: 0) + packet(0x101, counter: 0)
        let after =
            packet(0x100, counter: 9, clock: true) + packet(0x101, counter: 12) + packet(0x100, counter: 10)
        var marker = DiscontinuityMarker(tables)
        for (octets, errors) in [
            (before + after, 2), (before + after.withUnsafeBytes { marker.mark($0) }, 0),
        ] {
            var scanner = TransportStreamScanner()
            octets.withUnsafeBytes { scanner.scan($0) { _ in } }
            #expect(scanner.continuityErrors == errors)
        }
    }

    @Test func tablesForThoseWhoWereThereAreMarkedToo() {
        let marked = packets(DiscontinuityMarker.marked(tables))
        #expect(marked.map(pid) == [0, 0, 0x20, 0x20])
        #expect(marked[0][3] == 0x22 && marked[2][3] == 0x28)
    }

    @Test func whatIsNoWholePacketIsLeftOut() {
        var marker = DiscontinuityMarker(tables)
        let torn = packet(0x100, counter: 1) + [0x47, 0x01]
        #expect(torn.withUnsafeBytes { marker.mark($0) }.count == 2 * 188)
    }
}
