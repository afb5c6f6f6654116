/// Recognises a key frame by its NAL units, because many cameras do not set random_access_indicator.
enum KeyFrame {
    /// Looks only at the packet in which the frame begins: encoders put the parameter sets first, right after an access
    /// unit delimiter.
    static func begins(in payload: UnsafeRawBufferPointer, _ video: TransportStreamScanner.Video) -> Bool {
        guard case .coded(let coding, _) = video, coding != .other else { return false }
        // PES header (H.222.0, 2.4.3.7): start code, stream ID of a picture, length, flags, length of the optional part.
        guard payload.count > 9, payload[0] == 0, payload[1] == 0, payload[2] == 1, payload[3] & 0xF0 == 0xE0
        else {
            return false
        }
        var index = 9 + Int(payload[8])
        while index + 3 < payload.count {
            guard payload[index] == 0, payload[index + 1] == 0, payload[index + 2] == 1 else {
                index += 1
                continue
            }
            let header = payload[index + 3]
            if coding == .h264 ? isH264KeyUnit(header & 0x1F) : isH265KeyUnit(header >> 1 & 0x3F) {
                return true
            }
            index += 4
        }
        return false
    }

    /// IDR slice or sequence parameter set (ITU-T H.264 table 7-1).
    private static func isH264KeyUnit(_ type: UInt8) -> Bool { type == 5 || type == 7 }

    /// Random access pictures, video and sequence parameter sets (ITU-T H.265 table 7-1).
    private static func isH265KeyUnit(_ type: UInt8) -> Bool {
        (16...21).contains(type) || type == 32 || type == 33
    }
}
