import MediaFormats
import NIOCore

/// Makes fragmented MP4 of a transport stream, a fragment for each picture, for a process that reads it: one header, and
/// what follows it.
struct RenditionInput: Sendable {
    enum Piece: Equatable, Sendable {
        case header(MP4Header)
        case fragment([UInt8])
    }

    private var demultiplexer = TransportStreamDemultiplexer()
    private var segmenter: MediaSegmenter

    init() {
        var settings = MediaSegmenter.Settings()
        // As short as parts can be: one picture, with the sound of its time.
        settings.part = 1
        settings.includesG711 = true
        segmenter = MediaSegmenter(settings)
    }

    mutating func take(_ batch: ByteBuffer) -> [Piece] {
        var pieces: [Piece] = []
        batch.withUnsafeReadableBytes { octets in
            demultiplexer.take(octets) { event in
                segmenter.take(event) { output in
                    switch output {
                    case .header(let header): pieces.append(.header(header))
                    case .part(let part): pieces.append(.fragment(part.bytes))
                    }
                }
            }
        }
        return pieces
    }
}
