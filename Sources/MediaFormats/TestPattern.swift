/// A real H.264 stream made without an encoder (ITU-T H.264, Constrained Baseline): the picture of
/// ``TestPatternPicture``, a key frame every ``keyFrameInterval`` frames.
///
/// A macroblock that has the colour of the one above or beside it is predicted from there without a residual;
/// one that looks as in the frame before is skipped; the rest are I_PCM. The deblocking filter is off, so that
/// every pixel comes out of a decoder exactly as it was drawn.
package struct TestPattern: Sendable {
    package let columns: Int
    package let rows: Int
    package let height: Int
    package let framesPerSecond: Int
    package let keyFrameInterval: Int

    /// Frames since the start; the next one to be drawn.
    package private(set) var frame = 0
    private var reference: TestPatternPicture?
    /// Two key frames in a row must differ in it (§7.4.3).
    private var keyFrameID: UInt = 0

    package var width: Int { columns * TestPatternPicture.blockSize }

    /// Sizes are rounded to whole macroblocks in width and whole pairs of lines in height and kept within
    /// 256 × 64 and 720 × 576 (Level 3); rates within 1 to 25 frames per second.
    package init(width: Int = 640, height: Int = 360, framesPerSecond: Int = 25, keyFrameInterval: Int = 50) {
        columns = min(max(width, 256), 720) / TestPatternPicture.blockSize
        self.height = min(max(height, 64), 576) & ~1
        rows = (self.height + TestPatternPicture.blockSize - 1) / TestPatternPicture.blockSize
        self.framesPerSecond = min(max(framesPerSecond, 1), 25)
        self.keyFrameInterval = min(max(keyFrameInterval, 1), 250)
    }

    package struct AccessUnit: Sendable {
        /// Byte stream of Annex B.
        package var bytes: [UInt8]
        package var isKeyFrame: Bool
    }

    package mutating func next(showing scene: TestPatternScene? = nil) -> AccessUnit {
        let picture = TestPatternPicture(frame: frame, columns: columns, rows: rows, scene: scene)
        let isKeyFrame = frame % keyFrameInterval == 0
        var bytes: [UInt8] = []
        // primary_pic_type: I, or I and P.
        Self.appendUnit(header: 0x09, [isKeyFrame ? 0x10 : 0x30], to: &bytes)
        if isKeyFrame {
            keyFrameID ^= 1
            Self.appendUnit(header: 0x67, sequenceParameters(), to: &bytes)
            Self.appendUnit(header: 0x68, Self.pictureParameters(), to: &bytes)
        }
        let before = isKeyFrame ? nil : reference
        Self.appendUnit(header: isKeyFrame ? 0x65 : 0x41, slice(picture, after: before), to: &bytes)
        reference = picture
        frame += 1
        return AccessUnit(bytes: bytes, isKeyFrame: isKeyFrame)
    }

    // MARK: Parameter sets

    /// §7.3.2.1.1
    private func sequenceParameters() -> [UInt8] {
        var bits = BitWriter()
        bits.append(66, count: 8)  // profile_idc: Baseline …
        bits.append(0xC0, count: 8)  // … and what of it every decoder knows
        bits.append(30, count: 8)  // level_idc
        bits.appendUnsigned(0)  // seq_parameter_set_id
        bits.appendUnsigned(Self.frameNumberBits - 4)
        bits.appendUnsigned(2)  // pic_order_cnt_type: shown in the order of decoding
        bits.appendUnsigned(1)  // max_num_ref_frames
        bits.append(0, count: 1)
        bits.appendUnsigned(UInt(columns - 1))
        bits.appendUnsigned(UInt(rows - 1))
        bits.append(1, count: 1)  // frame_mbs_only_flag
        bits.append(1, count: 1)  // direct_8x8_inference_flag
        let hidden = rows * TestPatternPicture.blockSize - height
        bits.append(hidden > 0 ? 1 : 0, count: 1)
        if hidden > 0 {
            for offset in [0, 0, 0, hidden / 2] { bits.appendUnsigned(UInt(offset)) }
        }
        bits.append(1, count: 1)  // vui_parameters_present_flag
        bits.append(0, count: 4)  // no aspect ratio, overscan, video signal type, chroma location
        bits.append(1, count: 1)  // timing_info_present_flag
        bits.append(1, count: 32)
        bits.append(UInt(2 * framesPerSecond), count: 32)
        bits.append(1, count: 1)  // fixed_frame_rate_flag
        bits.append(0, count: 4)  // no HRD parameters, no pic_struct, no bitstream restriction
        return bits.finished()
    }

    /// §7.3.2.2
    private static func pictureParameters() -> [UInt8] {
        var bits = BitWriter()
        bits.appendUnsigned(0)  // pic_parameter_set_id
        bits.appendUnsigned(0)  // seq_parameter_set_id
        bits.append(0, count: 2)  // CAVLC; no bottom field order
        bits.appendUnsigned(0)  // one slice group
        bits.appendUnsigned(0)  // one reference of list 0 …
        bits.appendUnsigned(0)  // … and of list 1
        bits.append(0, count: 3)  // no weighted prediction
        for _ in 0..<3 { bits.appendSigned(0) }  // pic_init_qp, pic_init_qs, chroma_qp_index_offset
        bits.append(1, count: 1)  // deblocking_filter_control_present_flag
        bits.append(0, count: 2)  // no constrained intra prediction, no redundant pictures
        return bits.finished()
    }

    private static let frameNumberBits: UInt = 8

    // MARK: Slice

    /// §7.3.3, §7.3.4: one slice for the whole picture.
    private func slice(_ picture: TestPatternPicture, after reference: TestPatternPicture?) -> [UInt8] {
        var bits = BitWriter()
        appendSliceHeader(isKeyFrame: reference == nil, to: &bits)
        // In a P slice the types of an I slice come after five of its own (Table 7-13).
        let firstType: UInt = reference == nil ? 0 : 5
        var isPCM = [Bool](repeating: false, count: columns * rows)
        var skipped: UInt = 0
        for index in picture.blocks.indices {
            if let reference {
                guard picture.blocks[index] != reference.blocks[index] else {
                    skipped += 1
                    continue
                }
                bits.appendUnsigned(skipped)
                skipped = 0
            }
            if let direction = Self.prediction(of: index, in: picture) {
                bits.appendUnsigned(firstType + 1 + direction.luma)
                bits.appendUnsigned(direction.chroma)
                bits.appendSigned(0)  // mb_qp_delta
                appendNoCoefficients(beside: index, isPCM: isPCM, to: &bits)
            } else {
                isPCM[index] = true
                bits.appendUnsigned(firstType + 25)
                bits.align()
                let color = picture.blocks[index]
                bits.appendBytes(repeatElement(color.luma, count: 256))
                bits.appendBytes(repeatElement(color.blue, count: 64))
                bits.appendBytes(repeatElement(color.red, count: 64))
            }
        }
        if skipped > 0 { bits.appendUnsigned(skipped) }
        return bits.finished()
    }

    private func appendSliceHeader(isKeyFrame: Bool, to bits: inout BitWriter) {
        bits.appendUnsigned(0)  // first_mb_in_slice
        bits.appendUnsigned(isKeyFrame ? 7 : 5)  // slice_type: all slices of the picture are I, P
        bits.appendUnsigned(0)  // pic_parameter_set_id
        bits.append(UInt(frame % keyFrameInterval), count: Int(Self.frameNumberBits))
        if isKeyFrame {
            bits.appendUnsigned(keyFrameID)
            bits.append(0, count: 2)  // no_output_of_prior_pics, long_term_reference
        } else {
            bits.append(0, count: 3)  // the PPS's count, list unchanged, sliding window
        }
        bits.appendSigned(0)  // slice_qp_delta
        bits.appendUnsigned(1)  // disable_deblocking_filter_idc
    }

    /// Intra_16x16 from above or from the left, and the chroma mode of the same direction (Tables 8-4, 8-5).
    private static func prediction(
        of index: Int,
        in picture: TestPatternPicture
    ) -> (luma: UInt, chroma: UInt)? {
        let color = picture.blocks[index]
        if index >= picture.columns, picture.blocks[index - picture.columns] == color { return (0, 2) }
        if index % picture.columns > 0, picture.blocks[index - 1] == color { return (1, 1) }
        return nil
    }

    /// `coeff_token` for no coefficient at all. Its code depends on how many the neighbours have (§9.2.1):
    /// I_PCM counts as 16 in each block, everything else here has none.
    private func appendNoCoefficients(beside index: Int, isPCM: [Bool], to bits: inout BitWriter) {
        let left = index % columns > 0 ? (isPCM[index - 1] ? 16 : 0) : nil
        let above = index >= columns ? (isPCM[index - columns] ? 16 : 0) : nil
        let expected = if let left, let above { (left + above + 1) >> 1 } else { left ?? above ?? 0 }
        // Table 9-5; 2 to 7 cannot come from means of 0 and 16.
        if expected < 2 { bits.append(1, count: 1) } else { bits.append(0b00_0011, count: 6) }
    }

    /// Start code, header and payload with its emulation prevention bytes (§7.4.1, Annex B).
    private static func appendUnit(header: UInt8, _ payload: [UInt8], to output: inout [UInt8]) {
        output.append(contentsOf: [0, 0, 0, 1, header])
        var zeros = 0
        for byte in payload {
            if zeros == 2, byte <= 3 {
                output.append(3)
                zeros = 0
            }
            output.append(byte)
            zeros = byte == 0 ? zeros + 1 : 0
        }
    }
}

/// Bits from the most significant one on, with the codes of H.264 §9.1.
private struct BitWriter {
    private var bytes: [UInt8] = []
    private var used = 8

    mutating func append(_ value: UInt, count: Int) {
        for shift in stride(from: count - 1, through: 0, by: -1) {
            if used == 8 {
                bytes.append(0)
                used = 0
            }
            bytes[bytes.count - 1] |= UInt8(value >> UInt(shift) & 1) << UInt8(7 - used)
            used += 1
        }
    }

    /// ue(v)
    mutating func appendUnsigned(_ value: UInt) {
        let code = value + 1
        let length = UInt.bitWidth - code.leadingZeroBitCount
        append(0, count: length - 1)
        append(code, count: length)
    }

    /// se(v)
    mutating func appendSigned(_ value: Int) {
        appendUnsigned(value > 0 ? UInt(2 * value - 1) : UInt(-2 * value))
    }

    mutating func align() {
        used = 8
    }

    /// Only after ``align()``.
    mutating func appendBytes(_ more: some Sequence<UInt8>) {
        bytes.append(contentsOf: more)
    }

    /// The payload with its stop bit (§7.3.2.11).
    mutating func finished() -> [UInt8] {
        append(1, count: 1)
        return bytes
    }
}
