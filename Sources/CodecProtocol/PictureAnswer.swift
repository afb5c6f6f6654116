/// What became of a ``PictureRequest``.
package struct PictureAnswer: Sendable, Equatable {
    /// Why there is no JPEG.
    package enum Failure: UInt8, Sendable, CaseIterable {
        /// The request breaks the protocol.
        case request = 1
        /// There is no whole picture in what was sent.
        case damaged
        /// More pixels than are decoded, or a format that cannot be converted.
        case unsupported
        /// More memory than the worker may have.
        case memory
        /// Decoded, but not to be encoded.
        case encoder
    }

    package struct Picture: Sendable, Equatable {
        package var width: Int
        package var height: Int
        package var jpeg: [UInt8]

        package init(width: Int, height: Int, jpeg: [UInt8]) {
            self.width = width
            self.height = height
            self.jpeg = jpeg
        }
    }

    /// A picture of 8192 × 4320 in the best quality stays below.
    package static let longestJPEG = 32 << 20
    static let headerLength = 10
    package static let longest = headerLength + longestJPEG

    package var number: UInt32
    package var outcome: Result<Picture, Failure>

    package init(number: UInt32, outcome: Result<Picture, Failure>) {
        self.number = number
        self.outcome = outcome
    }

    /// The worker reads strangers' pictures, so it may be one itself: nothing of what it says is believed unseen.
    package init(decoding frame: [UInt8]) throws(CodecProtocolError) {
        guard frame.count >= Self.headerLength, frame.count <= Self.longest else {
            throw .length(frame.count)
        }
        guard frame[0] == CodecFrame.version else { throw .field("version") }
        number = CodecFrame.number(frame[6..<10])
        guard frame[1] == 0 else {
            guard let failure = Failure(rawValue: frame[1]) else { throw .field("failure") }
            guard frame.count == Self.headerLength, frame[2..<6].allSatisfy({ $0 == 0 }) else {
                throw .field("size")
            }
            outcome = .failure(failure)
            return
        }
        let width = Int(frame[2]) << 8 | Int(frame[3])
        let height = Int(frame[4]) << 8 | Int(frame[5])
        let jpeg = Array(frame[Self.headerLength...])
        guard (1...8192).contains(width), (1...8192).contains(height) else { throw .field("size") }
        // T.81, B.1.1.3: start and end of an image.
        guard jpeg.count > 4, jpeg.starts(with: [0xFF, 0xD8, 0xFF]), jpeg.suffix(2) == [0xFF, 0xD9] else {
            throw .field("jpeg")
        }
        outcome = .success(Picture(width: width, height: height, jpeg: jpeg))
    }

    /// With its length in front.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        switch outcome {
        case .success(let picture):
            bytes.reserveCapacity(CodecFrame.lengthSize + Self.headerLength + picture.jpeg.count)
            CodecFrame.append(UInt32(Self.headerLength + picture.jpeg.count), to: &bytes)
            bytes += [CodecFrame.version, 0]
            for side in [picture.width, picture.height] {
                bytes += [UInt8(truncatingIfNeeded: side >> 8), UInt8(truncatingIfNeeded: side)]
            }
            CodecFrame.append(number, to: &bytes)
            bytes += picture.jpeg
        case .failure(let failure):
            CodecFrame.append(UInt32(Self.headerLength), to: &bytes)
            bytes += [CodecFrame.version, failure.rawValue, 0, 0, 0, 0]
            CodecFrame.append(number, to: &bytes)
        }
        return bytes
    }
}

extension PictureAnswer.Failure: Error {}
