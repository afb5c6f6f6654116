import CLibAV
import CodecProtocol

/// One coded picture into a JPEG, by libavcodec and libswscale, on one thread.
enum PictureCodec {
    typealias Failure = PictureAnswer.Failure

    private static let mostPixels = 8192 * 4320
    private static let longestSide = 8192

    /// Loads what is looked up with the first picture, as long as files may be read. A decoder says much of a broken
    /// picture; nobody reads it.
    static func prepare() {
        av_log_set_level(AV_LOG_QUIET)
        for id in [AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_MJPEG] { _ = avcodec_find_decoder(id) }
        _ = avcodec_find_encoder(AV_CODEC_ID_MJPEG)
    }

    static func jpeg(of request: PictureRequest) -> Result<PictureAnswer.Picture, Failure> {
        do throws(Failure) {
            let decoded = try decode(request)
            let size = PictureSize(of: decoded.frame, width: request.width)
            let scaled = try scale(decoded, to: size)
            return .success(try encode(scaled, quality: request.quality))
        } catch {
            return .failure(error)
        }
    }

    // MARK: Decoding

    private static func decode(_ request: PictureRequest) throws(Failure) -> Frame {
        let id =
            switch request.coding {
            case .h264: AV_CODEC_ID_H264
            case .h265: AV_CODEC_ID_HEVC
            case .jpeg: AV_CODEC_ID_MJPEG
            }
        guard let codec = avcodec_find_decoder(id) else { throw .unsupported }
        let context = try CodecContext(codec)
        context.settings.thread_count = 1
        context.settings.max_pixels = Int64(mostPixels)
        // Key frames of many cameras are no IDR pictures and have no recovery point: they are shown nevertheless. What was
        // really damaged is told by `decode_error_flags`, and by H.265's decoder as an error.
        context.settings.flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT | AV_CODEC_FLAG_UNALIGNED
        context.settings.flags2 |= AV_CODEC_FLAG2_SHOW_ALL
        if request.coding != .h264 { context.settings.err_recognition |= AV_EF_EXPLODE }
        guard avcodec_open2(context.pointer, codec, nil) >= 0 else { throw .memory }
        let packet = try Packet(request.picture)
        guard avcodec_send_packet(context.pointer, packet.pointer) >= 0 else { throw .damaged }
        // Nothing follows, so nothing is waited for.
        guard avcodec_send_packet(context.pointer, nil) >= 0 else { throw .damaged }
        let decoded = try Frame()
        guard avcodec_receive_frame(context.pointer, decoded.pointer) >= 0 else { throw .damaged }
        guard decoded.frame.decode_error_flags == 0 else { throw .damaged }
        let (width, height) = (Int(decoded.frame.width), Int(decoded.frame.height))
        guard (1...longestSide).contains(width), (1...longestSide).contains(height),
            width * height <= mostPixels
        else { throw .unsupported }
        return decoded
    }

    // MARK: Scaling

    /// Into what JFIF has: BT.601 in full range, 4:2:0, square pixels.
    private static func scale(_ source: Frame, to size: PictureSize) throws(Failure) -> Frame {
        let format = AVPixelFormat(rawValue: source.frame.format)
        guard sws_isSupportedInput(format) != 0 else { throw .unsupported }
        let scaled = try Frame()
        scaled.frame.width = Int32(size.width)
        scaled.frame.height = Int32(size.height)
        scaled.frame.format = AV_PIX_FMT_YUV420P.rawValue
        guard av_frame_get_buffer(scaled.pointer, 0) >= 0 else { throw .memory }
        guard let scaler = sws_alloc_context() else { throw .memory }
        defer { sws_freeContext(scaler) }
        let isFullRange = source.frame.color_range == AVCOL_RANGE_JPEG ? Int32(1) : 0
        // The ranges before the beginning: where nothing is scaled, swscale decides there whether it only copies.
        let settings: [(String, Int32)] = [
            ("srcw", source.frame.width), ("srch", source.frame.height), ("src_format", format.rawValue),
            ("src_range", isFullRange), ("dstw", scaled.frame.width), ("dsth", scaled.frame.height),
            ("dst_format", AV_PIX_FMT_YUV420P.rawValue), ("dst_range", 1),
            ("sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND),
        ]
        for (name, value) in settings {
            guard av_opt_set_int(UnsafeMutableRawPointer(scaler), name, Int64(value), 0) >= 0 else {
                throw .unsupported
            }
        }
        guard sws_init_context(scaler, nil, nil) >= 0 else { throw .unsupported }
        sws_setColorspaceDetails(
            scaler,
            sws_getCoefficients(matrix(of: source.frame)),
            isFullRange,
            sws_getCoefficients(SWS_CS_ITU601),
            1,
            0,
            1 << 16,
            1 << 16
        )
        guard sws_scale_frame(scaler, scaled.pointer, source.pointer) >= 0 else { throw .memory }
        return scaled
    }

    /// Where the stream does not say, BT.601, as FFmpeg's own tools have it.
    private static func matrix(of frame: AVFrame) -> Int32 {
        switch frame.colorspace {
        case AVCOL_SPC_BT709: SWS_CS_ITU709
        case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: SWS_CS_BT2020
        default: SWS_CS_ITU601
        }
    }

    // MARK: Encoding

    private static func encode(_ source: Frame, quality: Int) throws(Failure) -> PictureAnswer.Picture {
        guard let codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG) else { throw .encoder }
        let context = try CodecContext(codec)
        context.settings.thread_count = 1
        context.settings.width = source.frame.width
        context.settings.height = source.frame.height
        context.settings.pix_fmt = AV_PIX_FMT_YUV420P
        context.settings.color_range = AVCOL_RANGE_JPEG
        context.settings.strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL
        context.settings.time_base = AVRational(num: 1, den: 25)
        context.settings.sample_aspect_ratio = AVRational(num: 1, den: 1)
        // Bit exact: without a comment that names the library.
        context.settings.flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT
        context.settings.global_quality = Int32(quality) * FF_QP2LAMBDA
        guard avcodec_open2(context.pointer, codec, nil) >= 0 else { throw .encoder }
        source.frame.quality = context.settings.global_quality
        source.frame.color_range = AVCOL_RANGE_JPEG
        source.frame.pts = 0
        let packet = try Packet()
        guard avcodec_send_frame(context.pointer, source.pointer) >= 0,
            avcodec_send_frame(context.pointer, nil) >= 0,
            avcodec_receive_packet(context.pointer, packet.pointer) >= 0,
            (1...PictureAnswer.longestJPEG).contains(packet.bytes.count)
        else { throw .encoder }
        return PictureAnswer.Picture(
            width: Int(source.frame.width),
            height: Int(source.frame.height),
            jpeg: Array(packet.bytes)
        )
    }
}
