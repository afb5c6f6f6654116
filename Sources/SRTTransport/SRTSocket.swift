internal import CLibSRT
internal import Glibc
package import HSSModel
package import Vm

/// What both ends may set before they connect or listen. `nil` leaves libsrt's default.
package struct SRTOptions: Sendable {
    /// Whether ``SRTSocket/connect(to:)``, ``SRTSocket/send(_:)`` and ``SRTSocket/receive(into:)`` wait.
    package var waits = false
    /// Off: messages come as they arrive, out of order behind a loss, and `Vm.PacketReorder` puts them in order.
    /// It has to be on for a receiver that does not reorder.
    package var reordersByTimestamp = true
    package var latencyMilliseconds: Int?
    package var streamID: String?
    /// 10 to 79 octets; without one the connection is not encrypted.
    package var passphrase: Secret?
    /// 16, 24 or 32 octets.
    package var keyLength: Int?
    /// False lets a peer in that does not encrypt, or that has another passphrase: see ``SRTSocket/keyState``.
    package var enforcesEncryption = true
    /// Packets in flight. libsrt sizes its loss lists by it.
    package var flowWindow: Int?
    package var receiveBufferInBytes: Int?
    package var sendBufferInBytes: Int?
    package var connectTimeout: Duration = .seconds(3)
    /// After so long without a sign of life the connection is broken.
    package var idleTimeout: Duration = .seconds(5)

    package init() {}

    /// What an address says, for a caller.
    package init(_ address: SRTAddress) {
        streamID = address.streamID
        passphrase = address.passphrase
        keyLength = address.keyLength
        latencyMilliseconds = address.latencyMilliseconds
    }
}

/// One libsrt socket: a number, to be closed once with ``close()``. Any thread may use it.
///
/// Every operation is one call of libsrt; nothing here allocates on the media path.
package struct SRTSocket: Hashable, Sendable {
    /// What fits into one packet of seven transport stream packets: what every live sender uses.
    package static let usualMessage = 1316
    /// No live message is longer (SRT_LIVE_MAX_PLSIZE); a shorter buffer would lose the rest without a word.
    package static let longestMessage = 1500

    package let id: Int32

    init(id: Int32) {
        self.id = id
    }

    package init(_ options: SRTOptions) throws(SRTError) {
        try SRTLibrary.start()
        id = srt_create_socket()
        guard id != SRT_INVALID_SOCK else { throw SRTError(operation: "create a socket") }
        do throws(SRTError) {
            try apply(options)
        } catch {
            close()
            throw error
        }
    }

    /// Calls `address`. A socket that waits returns connected or throws; another one returns at once, and
    /// ``state`` becomes `connected` or `broken` (then ``rejection`` tells why), which ``SRTPoll`` reports as writable
    /// or failed.
    package func connect(to address: NetworkAddress) throws(SRTError) {
        let result = address.withSockaddr { srt_connect(id, $0, $1) }
        guard result != SRT_ERROR else {
            let error = SRTError(operation: "connect to \(address)")
            guard error.code == SRT_ECONNREJ.rawValue else { throw error }
            throw SRTError(operation: "connect to \(address)", reason: "\(rejection)")
        }
    }

    /// Calls from this address, before ``connect(to:)``. Sockets with the same one share its port, and the two threads that
    /// libsrt has for each port: many callers in one process.
    package func bind(to address: NetworkAddress) throws(SRTError) {
        guard address.withSockaddr({ srt_bind(id, $0, $1) }) != SRT_ERROR else {
            throw SRTError(operation: "bind to \(address)")
        }
    }

    /// Sends one message of at most 1,456 octets. False: the send buffer is full and this message was not taken.
    package func send(_ message: UnsafeRawBufferPointer) throws(SRTError) -> Bool {
        let base = message.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard srt_sendmsg2(id, base, Int32(message.count), nil) == SRT_ERROR else { return true }
        guard srt_getlasterror(nil) == SRT_EASYNCSND.rawValue else { throw SRTError(operation: "send") }
        return false
    }

    /// One message, its length in octets and the sequence number of its packet (31 bits).
    ///
    /// `nil`: nothing is there yet. Throws when the connection is gone. `buffer` must hold ``longestMessage``.
    package func receive(
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(SRTError) -> (length: Int, sequence: UInt32)? {
        var control = SRT_MSGCTRL()
        srt_msgctrl_init(&control)
        let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
        let length = srt_recvmsg2(id, base, Int32(buffer.count), &control)
        guard length <= 0 else { return (Int(length), UInt32(bitPattern: control.pktseq)) }
        guard length == SRT_ERROR else { throw SRTError(operation: "receive", reason: "closed by the peer") }
        guard srt_getlasterror(nil) == SRT_EASYNCRCV.rawValue else { throw SRTError(operation: "receive") }
        return nil
    }

    /// Whether ``receive(into:)`` has something to give, in order or behind a hole.
    ///
    /// Without ``SRTOptions/reordersByTimestamp`` a poll hears of new messages only with libsrt's next acknowledgement, up to
    /// 10 ms later, and of what follows a hole not before the hole is filled. Asking here costs less than a
    /// ``receive(into:)`` that finds nothing, which is an exception inside libsrt.
    package var hasMessages: Bool {
        let events = integer(SRTO_EVENT)
        return events > 0 && events & Int32(SRT_EPOLL_IN.rawValue) != 0
    }

    /// Messages that ``receive(into:)`` gives without fail: those up to the first hole.
    package var receivable: Int { max(0, Int(integer(SRTO_RCVDATA))) }

    /// Sends what is buffered no more; harmless when called again.
    package func close() {
        _ = srt_close(id)
    }

    package enum State: Sendable { case opening, listening, connecting, connected, broken }

    package var state: State {
        switch srt_getsockstate(id) {
        case SRTS_INIT, SRTS_OPENED: .opening
        case SRTS_LISTENING: .listening
        case SRTS_CONNECTING: .connecting
        case SRTS_CONNECTED: .connected
        default: .broken
        }
    }

    package var rejection: SRTRejection { SRTRejection(code: srt_getrejectreason(id)) }

    /// How far the two ends agree on the key. `agreed` and `none` are sound; `wrongSecret` and `peerUnencrypted`
    /// happen only where ``SRTOptions/enforcesEncryption`` is off.
    package enum KeyState: Sendable { case none, agreeing, agreed, peerUnencrypted, wrongSecret }

    package var keyState: KeyState {
        switch integer(SRTO_KMSTATE) {
        case Int32(bitPattern: SRT_KM_S_SECURED.rawValue): .agreed
        case Int32(bitPattern: SRT_KM_S_SECURING.rawValue): .agreeing
        case Int32(bitPattern: SRT_KM_S_NOSECRET.rawValue): .peerUnencrypted
        case Int32(bitPattern: SRT_KM_S_BADSECRET.rawValue): .wrongSecret
        default: .none
        }
    }

    /// How long the peer holds what it receives before it hands it on; agreed in the handshake.
    package var peerLatency: Duration { .milliseconds(max(0, integer(SRTO_PEERLATENCY))) }

    /// What the caller sent as stream ID; empty without one. Hostile: at most 512 octets, anything in them.
    package var streamID: String {
        withUnsafeTemporaryAllocation(byteCount: 513, alignment: 1) { buffer in
            var length = Int32(buffer.count)
            guard srt_getsockflag(id, SRTO_STREAMID, buffer.baseAddress, &length) == 0 else { return "" }
            let end = min(max(0, Int(length)), SRTAddress.longestStreamID)
            return String(decoding: buffer[..<end], as: UTF8.self)
        }
    }

    package var peer: NetworkAddress? { address(srt_getpeername) }
    package var local: NetworkAddress? { address(srt_getsockname) }

    func apply(_ options: SRTOptions) throws(SRTError) {
        try set(SRTO_RCVSYN, options.waits)
        try set(SRTO_SNDSYN, options.waits)
        try set(SRTO_TSBPDMODE, options.reordersByTimestamp)
        try set(SRTO_PEERIDLETIMEO, Int32(clamping: options.idleTimeout.wholeMilliseconds))
        try set(SRTO_CONNTIMEO, Int32(clamping: options.connectTimeout.wholeMilliseconds))
        try set(SRTO_ENFORCEDENCRYPTION, options.enforcesEncryption)
        if let value = options.latencyMilliseconds { try set(SRTO_LATENCY, Int32(clamping: value)) }
        if let value = options.flowWindow { try set(SRTO_FC, Int32(clamping: value)) }
        if let value = options.receiveBufferInBytes { try set(SRTO_RCVBUF, Int32(clamping: value)) }
        if let value = options.sendBufferInBytes { try set(SRTO_SNDBUF, Int32(clamping: value)) }
        if let value = options.streamID { try set(SRTO_STREAMID, value) }
        if let value = options.keyLength { try set(SRTO_PBKEYLEN, Int32(clamping: value)) }
        if let value = options.passphrase { try set(SRTO_PASSPHRASE, value.reveal()) }
    }

    func set(_ option: SRT_SOCKOPT, _ value: Int32) throws(SRTError) {
        var value = value
        try check(srt_setsockflag(id, option, &value, 4), option)
    }

    /// One octet, not four: libsrt reads a `bool`.
    func set(_ option: SRT_SOCKOPT, _ value: Bool) throws(SRTError) {
        var value = value
        try check(srt_setsockflag(id, option, &value, 1), option)
    }

    func set(_ option: SRT_SOCKOPT, _ value: String) throws(SRTError) {
        var value = value
        try check(value.withUTF8 { srt_setsockflag(id, option, $0.baseAddress, Int32($0.count)) }, option)
    }

    private func check(_ result: Int32, _ option: SRT_SOCKOPT) throws(SRTError) {
        guard result == SRT_ERROR else { return }
        throw SRTError(operation: "set option \(option.rawValue)")
    }

    private func integer(_ option: SRT_SOCKOPT) -> Int32 {
        var value: Int32 = 0
        var length: Int32 = 4
        return srt_getsockflag(id, option, &value, &length) == 0 ? value : -1
    }

    private func address(
        _ read: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<Int32>?) -> Int32
    ) -> NetworkAddress? {
        var storage = sockaddr_storage()
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                var length = Int32(MemoryLayout<sockaddr_storage>.size)
                guard read(id, $0, &length) == 0 else { return nil }
                return NetworkAddress(copying: $0)
            }
        }
    }
}
