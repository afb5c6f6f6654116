import AsyncHTTPClient
import Glibc
import HSSModel
import NIOCore
import NIOPosix

/// Why a platform could not be reached, in words for whoever typed its address. NIO's errors speak to programmers.
struct ConnectionProblem: CustomStringConvertible {
    let description: String

    init(_ error: any Error) {
        description =
            switch error {
            case let error as NIOConnectionError: Self.text(of: error)
            case let error as IOError: Self.text(of: error)
            case let error as HTTPClientError: Self.text(of: error)
            default:
                TLSProblem.words(for: "\(error)") ?? "\(error)"
            }
    }

    private static func text(of error: NIOConnectionError) -> String {
        for failure in error.connectionErrors {
            guard let reason = failure.error as? IOError else { continue }
            return text(of: reason)
        }
        return error.connectionErrors.isEmpty
            ? "there is no host '\(error.host)'" : "no connection to port \(error.port)"
    }

    private static func text(of error: HTTPClientError) -> String {
        switch error {
        case .connectTimeout: "no answer within 10 s"
        case .deadlineExceeded, .readTimeout: "its answer takes too long"
        case .remoteConnectionClosed: "it closed the connection"
        default: "\(error)"
        }
    }

    private static func text(of error: IOError) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "nobody listens there; does 'vedette serve' run?"
        default: String(cString: strerror(error.errnoCode))
        }
    }
}
