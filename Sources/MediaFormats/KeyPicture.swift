/// A key frame as a decoder takes it by itself: with start codes, its parameter sets first, and nothing else than slices
/// (H.264 and H.265, annex B). What is said beside the picture is left out: no decoder has to read it.
package struct KeyPicture: Sendable, Equatable {
    package let coding: VideoFormat.Coding
    package let bytes: [UInt8]

    /// `nil`: there is no slice in it.
    init?(_ unit: AccessUnit, _ format: VideoFormat) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(unit.sample.count + 1024)
        for set in format.parameterSets { Self.append(set[...], to: &bytes) }
        var hasSlice = false
        for range in NALUnits.ranges(inSample: unit.sample) {
            let isSlice = unit.sample[range].withUnsafeBytes { octets in
                let kind = NALUnitKind(octets, format.coding)
                return kind == .keySlice || kind == .slice
            }
            guard isSlice else { continue }
            hasSlice = true
            Self.append(unit.sample[range], to: &bytes)
        }
        guard hasSlice else { return nil }
        coding = format.coding
        self.bytes = bytes
    }

    private static func append(_ unit: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        bytes += [0, 0, 0, 1]
        bytes += unit
    }
}

/// Takes a transport stream from a key frame on, until the first whole one is there.
package struct KeyPictureFinder: Sendable {
    private var demultiplexer = TransportStreamDemultiplexer()
    private var format: VideoFormat?
    package private(set) var picture: KeyPicture?

    package init() {}

    /// Takes whole packets. Nothing more is read once there is a picture.
    package mutating func take(_ packets: UnsafeRawBufferPointer) {
        // A picture is whole when the next one begins: some packets too many are read at most.
        let step = 64 * TransportStreamPacket.length
        var start = 0
        while picture == nil, start < packets.count {
            let end = min(start + step, packets.count)
            look { demultiplexer, deliver in
                demultiplexer.take(UnsafeRawBufferPointer(rebasing: packets[start..<end]), deliver)
            }
            start = end
        }
    }

    /// The stream has ended: its last picture is whole too.
    package mutating func finish() {
        look { demultiplexer, deliver in demultiplexer.finish(deliver) }
    }

    private mutating func look(
        _ body: (inout TransportStreamDemultiplexer, (TransportStreamDemultiplexer.Event) -> Void) -> Void
    ) {
        var (format, picture) = (self.format, self.picture)
        body(&demultiplexer) { event in
            switch event {
            case .video(let found): format = found
            case .unit(let unit):
                guard picture == nil, unit.track == .video, unit.isKeyFrame, let format else { return }
                picture = KeyPicture(unit, format)
            case .content, .audio, .discontinuity, .refused: break
            }
        }
        (self.format, self.picture) = (format, picture)
    }
}

extension VideoFormat {
    /// Those that ``configuration`` carries, in its order.
    var parameterSets: [[UInt8]] {
        var reader = SetReader(rest: configuration[...])
        switch coding {
        case .h264:
            reader.skip(5)
            let sequences = reader.sets(reader.octet() & 0x1F)
            return sequences + reader.sets(reader.octet())
        case .h265:
            reader.skip(22)
            return (0..<reader.octet()).flatMap { _ in
                reader.skip(1)
                return reader.sets(reader.number())
            }
        }
    }

    private struct SetReader {
        var rest: ArraySlice<UInt8>

        mutating func skip(_ count: Int) { rest = rest.dropFirst(count) }
        mutating func octet() -> Int { rest.popFirst().map { Int($0) } ?? 0 }
        mutating func number() -> Int { octet() << 8 | octet() }
        mutating func sets(_ count: Int) -> [[UInt8]] {
            (0..<count).map { _ in
                let length = number()
                defer { skip(length) }
                return Array(rest.prefix(length))
            }
        }
    }
}
