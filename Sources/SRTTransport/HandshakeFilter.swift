internal import CLibSRT
internal import Glibc

/// Drops in the kernel the handshakes by which a stranger could make libsrt allocate without bound.
///
/// libsrt 1.5.1 sizes its loss lists by the flow window that the caller announces, before it has looked at stream ID
/// or passphrase: four strangers took 1.06 GB (measured). The segment size likewise sizes buffers. Everything else
/// passes, and a handshake too short to hold the fields is dropped, because a load past the end of the packet
/// ends the filter with 0.
enum HandshakeFilter {
    /// Live senders announce 8,192 or 25,600 packets.
    static let largestFlowWindow: UInt32 = 65_536
    /// No network in use has a smaller MTU than IPv4's 576; libsrt announces 1,500. Larger
    /// ones are cut to our own; above this they would be taken for negative numbers.
    static let segmentSizes: ClosedRange<UInt32> = 512...65_535

    // The filter sees the UDP header first: SRT's header begins at octet 8, the handshake at 24
    // (draft-sharabayko-srt-01, 3.2.1). The type is matched without the sub-type in the low 16 bits of its word, which
    // libsrt ignores and a stranger may fill as it likes.
    private static let program: [sock_filter] = [
        sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: 8),
        sock_filter(code: UInt16(BPF_ALU | BPF_AND | BPF_K), jt: 0, jf: 0, k: 0xFFFF_0000),
        sock_filter(code: UInt16(BPF_JMP | BPF_JEQ | BPF_K), jt: 0, jf: 5, k: 0x8000_0000),
        sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: 36),
        sock_filter(code: UInt16(BPF_JMP | BPF_JGE | BPF_K), jt: 0, jf: 4, k: segmentSizes.lowerBound),
        sock_filter(code: UInt16(BPF_JMP | BPF_JGT | BPF_K), jt: 3, jf: 0, k: segmentSizes.upperBound),
        sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: 40),
        sock_filter(code: UInt16(BPF_JMP | BPF_JGT | BPF_K), jt: 1, jf: 0, k: largestFlowWindow),
        sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: 0xFFFF),
        sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: 0),
    ]

    static func attach(to descriptor: Int32) throws(SRTError) {
        var instructions = program
        let result = instructions.withUnsafeMutableBufferPointer { buffer in
            var program = sock_fprog(len: UInt16(buffer.count), filter: buffer.baseAddress)
            return setsockopt(
                descriptor,
                SOL_SOCKET,
                SO_ATTACH_FILTER,
                &program,
                socklen_t(MemoryLayout<sock_fprog>.size)
            )
        }
        guard result == 0 else { throw SRTError(system: errno, operation: "filter handshakes") }
    }
}
