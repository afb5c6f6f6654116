import AsyncHTTPClient
import Foundation
import Glibc
import HSSModel
import HostClock
import NIOCore
import NIOHTTP1
import NIOSSL

/// Sends and fetches the files of all units of a process: pictures, logs, firmware (§9.3.2, by HTTPS).
final class TransferClient: Sendable {
    /// After a failure that may pass: the network's, the server's, or "too many".
    private static let retryDelays: [Duration] = [.milliseconds(500), .seconds(1)]
    private static let longestAnswer = 64 << 10

    private let client: HTTPClient
    /// Whether what is fetched is kept in files; simulated units only count it.
    private let keepsFiles: Bool

    init(trust: TLSConfiguration, group: any EventLoopGroup, keepsFiles: Bool) {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: trust,
            // The address is meant for one place; a redirection would take the file to another.
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(5), read: .seconds(10))
        )
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        self.keepsFiles = keepsFiles
    }

    func shutdown() async {
        try? await client.shutdown()
    }

    // MARK: Sending

    /// Tells once, from any thread.
    func upload(_ order: UploadOrder, tell: @escaping @Sendable (TransferNews) -> Void) {
        Task { [self] in
            let end = Instant.now + order.limit
            var failure = "there was no time"
            for delay in Self.retryDelays.map(Optional.some) + [nil] {
                let left = end - .now
                guard left > .zero else { break }
                switch await put(order, within: left) {
                case .done: return tell(.sent)
                case .failed(let reason, let mayPass):
                    failure = reason
                    guard mayPass, let delay, (try? await Task.sleep(for: delay)) != nil else {
                        return tell(.failed(failure))
                    }
                }
            }
            tell(.failed(failure))
        }
    }

    private enum Try {
        case done
        case failed(String, mayPass: Bool)
    }

    private func put(_ order: UploadOrder, within limit: Duration) async -> Try {
        guard var request = Self.request(order.url) else {
            return .failed("the address is none of https", mayPass: false)
        }
        request.method = .PUT
        request.headers.add(name: "Content-Type", value: order.type)
        request.body = .bytes(ByteBuffer(bytes: order.content))
        do {
            let response = try await client.execute(
                request,
                timeout: .nanoseconds(max(1, limit.wholeNanoseconds))
            )
            // Read, so that the connection can be used again; longer answers close it.
            _ = try? await response.body.collect(upTo: Self.longestAnswer)
            switch response.status.code {
            case 200..<300: return .done
            case 408, 429, 500...: return .failed("status \(response.status.code)", mayPass: true)
            default: return .failed("status \(response.status.code)", mayPass: false)
            }
        } catch {
            return .failed(VdConnection.failure(error), mayPass: true)
        }
    }

    // MARK: Fetching

    /// Tells progress whenever another percent has come, and once how it ended.
    func download(_ order: DownloadOrder, tell: @escaping @Sendable (TransferNews) -> Void) {
        Task { [self] in
            do {
                tell(.received(try await fetch(order, tell: tell)))
            } catch let error as TransferFailure {
                tell(.failed(error.reason))
            } catch {
                tell(.failed(VdConnection.failure(error)))
            }
        }
    }

    private struct TransferFailure: Error {
        var reason: String
    }

    private func fetch(
        _ order: DownloadOrder,
        tell: @Sendable (TransferNews) -> Void
    ) async throws -> ReceivedFile {
        guard let request = Self.request(order.url) else {
            throw TransferFailure(reason: "the address is none of https")
        }
        let limit = TimeAmount.nanoseconds(max(1, order.limit.wholeNanoseconds))
        let response = try await client.execute(request, timeout: limit)
        guard response.status == .ok else { throw TransferFailure(reason: "status \(response.status.code)") }
        let announced = response.headers.first(name: "Content-Length").flatMap { Int($0) }
        if let announced, announced > order.most { throw TransferFailure(reason: "the file is too long") }
        let file = try keepsFiles ? OutputFile() : nil
        var size = 0
        var lastPercent = 0
        for try await part in response.body {
            size += part.readableBytes
            guard size <= order.most else { throw TransferFailure(reason: "the file is too long") }
            try file?.write(part)
            guard let announced, announced > 0 else { continue }
            let percent = size * 100 / announced
            if percent > lastPercent {
                lastPercent = percent
                tell(.progress(percent: percent))
            }
        }
        // The connection may end early without an error of its own.
        if let announced, size != announced { throw TransferFailure(reason: "the file is cut off") }
        return ReceivedFile(size: size, path: file?.keep())
    }

    private static func request(_ url: Secret) -> HTTPClientRequest? {
        let text = url.reveal()
        guard let parsed = URL(string: text), ["https", "http"].contains(parsed.scheme), parsed.host() != nil
        else { return nil }
        return HTTPClientRequest(url: text)
    }
}

/// A temporary file that goes away unless it is kept.
private final class OutputFile {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let path: String
    private let descriptor: Int32
    private var isKept = false

    init() throws {
        var template = Array(
            (FileManager.default.temporaryDirectory.path() + "/vedette-file-XXXXXX").utf8CString
        )
        descriptor = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkstemp($0) } ?? -1
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard descriptor >= 0 else { throw Failure(description: String(cString: strerror(errno))) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit {
        close(descriptor)
        if !isKept { unlink(path) }
    }

    func write(_ part: ByteBuffer) throws {
        var start = 0
        let bytes = part.readableBytesView
        while start < bytes.count {
            let written = bytes.dropFirst(start).withContiguousStorageIfAvailable {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            guard let written, written > 0 else {
                throw Failure(description: "the disk is full: \(String(cString: strerror(errno)))")
            }
            start += written
        }
    }

    /// From now on it is the device's.
    func keep() -> String {
        isKept = true
        return path
    }
}
