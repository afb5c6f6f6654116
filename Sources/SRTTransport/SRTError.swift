internal import CLibSRT
internal import Glibc

/// What libsrt or the socket below it refused.
package struct SRTError: Error, Equatable, CustomStringConvertible {
    /// What we asked for: `bind`, `connect` …
    package let operation: String
    /// SRT_ERRNO of libsrt, or -1 where the system refused.
    package let code: Int32
    /// errno of the system, 0 where it has no part in it.
    package let systemCode: Int32
    private let text: String

    /// Copies the error of the last call of this thread: libsrt keeps it per thread and overwrites it.
    init(operation: String) {
        var system: Int32 = 0
        self.operation = operation
        code = srt_getlasterror(&system)
        systemCode = system
        text = String(cString: srt_getlasterror_str())
    }

    init(system code: Int32, operation: String) {
        self.operation = operation
        self.code = -1
        systemCode = code
        text = String(cString: strerror(code))
    }

    init(operation: String, reason: String) {
        self.operation = operation
        code = -1
        systemCode = 0
        text = reason
    }

    package var isAddressInUse: Bool { systemCode == EADDRINUSE }
    package var description: String { "SRT \(operation): \(text)" }
}

/// Why a peer refused a connection: libsrt's own codes below 1000, those of the SRT access control guidelines from 1400.
package struct SRTRejection: Hashable, Sendable, CustomStringConvertible {
    package let code: Int32

    package init(code: Int32) {
        self.code = code
    }

    package static let badRequest = SRTRejection(code: 1400)
    package static let unauthorized = SRTRejection(code: 1401)
    package static let overload = SRTRejection(code: 1402)
    package static let forbidden = SRTRejection(code: 1403)
    package static let notFound = SRTRejection(code: 1404)
    package static let conflict = SRTRejection(code: 1409)
    package static let badSecret = SRTRejection(code: 10)
    package static let unsecure = SRTRejection(code: 11)

    package var description: String {
        switch code {
        case 1400: "the address was not understood (1400)"
        case 1401: "the ticket is not valid (1401)"
        case 1402: "the server is busy (1402)"
        case 1403: "access denied (1403)"
        case 1404: "no such stream (1404)"
        case 1409: "the stream has a newer publisher (1409)"
        case 1000...: "refused with code \(code)"
        default: String(cString: srt_rejectreason_str(code)) + " (\(code))"
        }
    }
}
