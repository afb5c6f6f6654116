/// What both ends of the pipe to `vedette-codec` speak: frames, each behind its length in four octets, in network order.
/// A request has one answer; answers come in the order of the requests.
enum CodecFrame {
    static let lengthSize = 4
    /// The programme lies beside the platform, and comes with it: another version is a mistake of the installation.
    static let version: UInt8 = 1

    static func append(_ number: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            bytes.append(UInt8(number >> shift & 0xFF))
        }
    }

    static func number(_ octets: ArraySlice<UInt8>) -> UInt32 { octets.reduce(0) { $0 << 8 | UInt32($1) } }
}

package enum CodecProtocolError: Error, Equatable, CustomStringConvertible {
    case length(Int)
    case field(String)

    package var description: String {
        switch self {
        case .length(let length): "a frame of \(length) octets"
        case .field(let name): "a frame with a wrong \(name)"
        }
    }
}

/// Cuts what comes through a pipe into frames. Keeps less than two of them: whoever reads takes frames out after each piece.
package struct CodecFrameReader: Sendable {
    private let longest: Int
    private var bytes: [UInt8] = []
    private var start = 0

    /// `longest`: octets of a frame without its length.
    package init(longest: Int) {
        self.longest = longest
    }

    package mutating func take(_ piece: some Sequence<UInt8>) {
        bytes.append(contentsOf: piece)
    }

    /// The next whole frame, without its length. After an error the pipe is out of step, and of no more use.
    package mutating func next() throws(CodecProtocolError) -> [UInt8]? {
        guard bytes.count - start >= CodecFrame.lengthSize else { return nil }
        let content = start + CodecFrame.lengthSize
        let length = Int(CodecFrame.number(bytes[start..<content]))
        guard (1...longest).contains(length) else { throw .length(length) }
        guard bytes.count - content >= length else {
            if start > 0 {
                bytes.removeFirst(start)
                start = 0
            }
            bytes.reserveCapacity(CodecFrame.lengthSize + length)
            return nil
        }
        let frame = Array(bytes[content..<(content + length)])
        start = content + length
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
            start = 0
        }
        return frame
    }
}
