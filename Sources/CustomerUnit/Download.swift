import AsyncHTTPClient
import Glibc
import HSSModel
import NIOCore
import NIOHTTP1

/// Fetches a file of a recording, and goes on where it broke off: within one run by itself, and with the next one from what
/// lies beside the file.
///
/// What has come is in `<path>.part`, and the entity tag that it belongs to in `<path>.tag`. Where the platform would send
/// other bytes by now, it begins anew (RFC 9110, 13.1.5).
package struct Download: Sendable {
    private static let mostTries = 5
    private static let longestTag = 128

    package struct Progress: Sendable {
        /// In bytes.
        package var received: Int64
        /// Nil: the platform does not know it yet.
        package var size: Int64?
    }

    private let path: String
    private let address: @Sendable () async throws(CustomerError) -> String
    private let report: @Sendable (Progress) -> Void

    /// `address` gives the path of the file on the platform, and a fresh ticket with it, each time it is asked.
    package init(
        to path: String,
        address: @escaping @Sendable () async throws(CustomerError) -> String,
        report: @escaping @Sendable (Progress) -> Void
    ) {
        self.path = path
        self.address = address
        self.report = report
    }

    private var part: String { path + ".part" }
    private var tagFile: String { path + ".tag" }

    /// Returns the size of the file, in bytes.
    package func run(with client: PlatformClient) async throws(CustomerError) -> Int64 {
        var tries = 0
        while true {
            let before = size(of: part)
            do throws(CustomerError) {
                let size = try await attempt(client)
                guard rename(part, path) == 0 else {
                    throw .output("\(path): \(String(cString: strerror(errno)))")
                }
                unlink(tagFile)
                return size
            } catch {
                // What came since says that it is worth another try.
                tries = size(of: part) > before ? 0 : tries + 1
                guard case .unreachable = error, tries < Self.mostTries else { throw error }
                guard (try? await Task.sleep(for: .seconds(tries))) != nil else { throw error }
            }
        }
    }

    private func attempt(_ client: PlatformClient) async throws(CustomerError) -> Int64 {
        var place = size(of: part)
        var fields: [(String, String)] = []
        if place > 0, let tag = readTag() {
            fields = [("range", "bytes=\(place)-"), ("if-range", tag)]
        }
        let response: HTTPClientResponse
        do throws(CustomerError) {
            response = try await client.response(path: try await address(), fields: fields)
        } catch .refused(status: 416, _) where place > 0 {
            // All had come already, or the tag is of another file.
            return place
        }
        let goesOn = response.status == .partialContent
        if !goesOn { place = 0 }
        let file = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | (goesOn ? O_APPEND : O_TRUNC), 0o644)
        guard file >= 0 else { throw .output("\(part): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        if let tag = response.headers.first(name: "etag"), tag.utf8.count <= Self.longestTag { writeTag(tag) }
        let size = Self.size(response, place)
        do {
            for try await buffer in response.body {
                try Self.write(buffer, to: file)
                place += Int64(buffer.readableBytes)
                report(Progress(received: place, size: size))
            }
        } catch let error as CustomerError {
            throw error
        } catch {
            throw .unreachable(url: client.address(""), "\(ConnectionProblem(error))")
        }
        guard size.map({ $0 == place }) ?? true else {
            throw .unreachable(url: client.address(""), "the file ended early")
        }
        guard fsync(file) == 0 else { throw .output("\(part): \(String(cString: strerror(errno)))") }
        return place
    }

    /// Of the whole file.
    private static func size(_ response: HTTPClientResponse, _ place: Int64) -> Int64? {
        if let range = response.headers.first(name: "content-range") {
            return range.split(separator: "/").last.flatMap { Int64($0) }
        }
        return response.headers.first(name: "content-length").flatMap { Int64($0) }
    }

    // MARK: Files

    private func size(of path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    private func readTag() -> String? {
        let file = open(tagFile, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Self.longestTag)
        let count = read(file, &bytes, bytes.count)
        guard count > 0, let tag = String(validating: bytes.prefix(count), as: UTF8.self),
            tag.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return nil }
        return tag
    }

    private func writeTag(_ tag: String) {
        let file = open(tagFile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return }
        defer { close(file) }
        // Without it the next run begins anew.
        if Glibc.write(file, Array(tag.utf8), tag.utf8.count) != tag.utf8.count { unlink(tagFile) }
    }

    private static func write(_ buffer: ByteBuffer, to file: Int32) throws(CustomerError) {
        let bytes = Array(buffer.readableBytesView)
        var place = 0
        while place < bytes.count {
            let count = bytes[place...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { throw .output(String(cString: strerror(errno))) }
            place += max(0, count)
        }
    }
}

extension PlatformClient {
    /// Streams a file of a recording into `file` until its end. False: the reader has gone.
    package func stream(_ path: String, into file: PictureFile) async throws(CustomerError) -> Bool {
        let response = try await response(path: path, fields: [])
        do {
            for try await buffer in response.body {
                let goesOn = try buffer.withUnsafeReadableBytes { bytes throws in try file.write(bytes) }
                guard goesOn else { return false }
            }
            return true
        } catch let error as CustomerError {
            throw error
        } catch {
            throw .unreachable(url: address(""), "\(ConnectionProblem(error))")
        }
    }
}
