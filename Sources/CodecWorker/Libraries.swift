import CLibAV
import CodecProtocol

// What libavcodec hands out, each freed by its owner.

final class CodecContext {
    let pointer: UnsafeMutablePointer<AVCodecContext>

    init(_ codec: UnsafePointer<AVCodec>) throws(PictureAnswer.Failure) {
        guard let context = avcodec_alloc_context3(codec) else { throw .memory }
        pointer = context
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = pointer
        avcodec_free_context(&context)
    }

    var settings: AVCodecContext {
        _read { yield pointer.pointee }
        _modify { yield &pointer.pointee }
    }
}

final class Frame {
    let pointer: UnsafeMutablePointer<AVFrame>

    init() throws(PictureAnswer.Failure) {
        guard let frame = av_frame_alloc() else { throw .memory }
        pointer = frame
    }

    deinit {
        var frame: UnsafeMutablePointer<AVFrame>? = pointer
        av_frame_free(&frame)
    }

    var frame: AVFrame {
        _read { yield pointer.pointee }
        _modify { yield &pointer.pointee }
    }
}

final class Packet {
    let pointer: UnsafeMutablePointer<AVPacket>

    init() throws(PictureAnswer.Failure) {
        guard let packet = av_packet_alloc() else { throw .memory }
        pointer = packet
    }

    /// A copy, with the zeros behind it that decoders read beyond the end.
    convenience init(_ bytes: [UInt8]) throws(PictureAnswer.Failure) {
        try self.init()
        guard av_new_packet(pointer, Int32(bytes.count)) >= 0, let data = pointer.pointee.data else {
            throw .memory
        }
        data.update(from: bytes, count: bytes.count)
        pointer.pointee.flags |= AV_PKT_FLAG_KEY
    }

    deinit {
        var packet: UnsafeMutablePointer<AVPacket>? = pointer
        av_packet_free(&packet)
    }

    var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: pointer.pointee.data, count: Int(pointer.pointee.size))
    }
}
