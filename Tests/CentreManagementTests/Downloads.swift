import CentreManagement
import Foundation
import HSSModel
import Hummingbird
import HummingbirdTesting
import ServerKit
import Synchronization
import Testing

/// The addresses of units over a real socket, and curl as the unit.
enum Downloads {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func serve(
        _ library: FirmwareLibrary,
        _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: ProblemMiddleware())
        library.addRoutes(to: router) { _ in "192.0.2.1" }
        let configuration = ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0))
        try await Application(router: router, configuration: configuration).test(.live) { client in
            try await body(try #require(client.port))
        }
    }

    /// What curl prints; with `-i` header and body of one answer.
    static func curl(_ arguments: [String]) async throws -> String {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent(
            "curl-\(UUID().uuidString)"
        )
        defer { try? FileManager.default.removeItem(at: output) }
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        process.arguments = ["-s", "--max-time", "20"] + arguments
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = FileHandle(forWritingAtPath: "/dev/null")
        process.standardInput = FileHandle(forReadingAtPath: "/dev/null")
        let (ended, end) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = {
            end.yield($0.terminationStatus)
            end.finish()
        }
        try process.run()
        for await status in ended where status != 0 {
            throw Failure(description: "curl ended with \(status)")
        }
        return String(decoding: try Data(contentsOf: output), as: UTF8.self)
    }
}
