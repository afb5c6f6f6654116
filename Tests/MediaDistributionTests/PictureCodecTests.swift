import CodecProtocol
import Foundation
import HSSModel
import Logging
import ServerKit
import Synchronization
import Testing

@testable import MediaDistribution

/// A programme that dies, hangs or talks nonsense costs the picture that it was asked for, and nothing else.
@Suite("The platform's end of vedette-codec", .timeLimit(.minutes(4))) struct PictureCodecTests {
    /// A JPEG that FFmpeg made.
    private static let picture = Task<[UInt8], any Error> {
        let file = try temporaryFolder().appending(path: "in.jpg")
        try await Tool.run(
            "ffmpeg",
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240", "-frames:v", "1", file.path]
        )
        return [UInt8](try Data(contentsOf: file))
    }

    private static func settings(
        _ path: String = CodecProgramme.path,
        queue: Int? = nil,
        deadline: Duration? = nil
    ) -> PictureCodec.Settings {
        var settings = PictureCodec.Settings()
        settings.path = path
        settings.queue = queue ?? settings.queue
        settings.deadline = deadline ?? settings.deadline
        return settings
    }

    private static func run(
        _ settings: PictureCodec.Settings = settings(),
        _ body: (PictureCodec, MetricRegistry) async throws -> Void
    ) async throws {
        let registry = MetricRegistry()
        let codec = PictureCodec(
            settings,
            metrics: PictureMetrics(registry),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await codec.run() }
            try await body(codec, registry)
            group.cancelAll()
        }
        await #expect(throws: PictureCodec.Failure.ended) { try await codec.jpeg(of: [1], .h264, width: nil) }
    }

    /// A programme of one line, in a shell.
    private static func script(_ text: String) throws -> String {
        let file = try temporaryFolder().appending(path: "programme")
        try Data("#!/bin/sh\n\(text)\n".utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        return file.path
    }

    private static func count(_ series: String, _ registry: MetricRegistry) -> Int {
        registry.exposition().split(separator: "\n").first { $0.hasPrefix(series + " ") }
            .flatMap { $0.split(separator: " ").last }.flatMap { Int($0) } ?? -1
    }

    @Test func answersOneAfterTheOther() async throws {
        let picture = try await Self.picture.value
        try await Self.run { codec, registry in
            for width in [32, 64, 96] {
                let made = try await codec.jpeg(of: picture, .jpeg, width: width)
                #expect(made.width == width)
            }
            await #expect(throws: PictureCodec.Failure.refused(.damaged)) {
                try await codec.jpeg(of: [0xFF, 0xD8, 0xFF, 1, 2, 3], .jpeg, width: nil)
            }
            #expect(Self.count("vedette_picture_workers_started_total", registry) == 1)
            #expect(Self.count("vedette_pictures_made_total", registry) == 3)
            #expect(Self.count("vedette_pictures_failed_total{reason=\"damaged\"}", registry) == 1)
        }
    }

    /// `kill -9` between two pictures: the second one comes all the same.
    @Test func anotherOneIsStartedWhenItWasKilled() async throws {
        let picture = try await Self.picture.value
        let pids = try temporaryFolder().appending(path: "pids").path
        let path = try Self.script("echo $$ >> \(pids); exec \(CodecProgramme.path) \"$@\"")
        try await Self.run(Self.settings(path)) { codec, registry in
            for life in 1...4 {
                let made = try await codec.jpeg(of: picture, .jpeg, width: 32)
                #expect(made.width == 32)
                #expect(Self.count("vedette_picture_workers_started_total", registry) == life)
                let last = try String(contentsOfFile: pids, encoding: .utf8).split(separator: "\n").last
                kill(try #require(last.flatMap { pid_t($0) }), SIGKILL)
            }
        }
    }

    @Test(arguments: [
        "exit 3", "head -c 4 >&2; exit 0", "echo nonsense that is long enough", "yes | head -c 99",
    ])
    func oneThatDiesCostsItsPictureOnly(line: String) async throws {
        let path = try Self.script(line)
        try await Self.run(Self.settings(path)) { codec, registry in
            await #expect(throws: PictureCodec.Failure.crashed) {
                try await codec.jpeg(of: [1, 2, 3], .h264, width: nil)
            }
            // It may have been dead before it was asked, so it is asked twice, never a third time.
            #expect(Self.count("vedette_picture_workers_started_total", registry) == 2)
        }
    }

    @Test func oneThatHangsIsKilled() async throws {
        let path = try Self.script("exec sleep 1000")
        try await Self.run(Self.settings(path, deadline: .milliseconds(100))) { codec, registry in
            await #expect(throws: PictureCodec.Failure.late) {
                try await codec.jpeg(of: [1, 2, 3], .h264, width: nil)
            }
            #expect(Self.count("vedette_pictures_failed_total{reason=\"late\"}", registry) == 1)
        }
    }

    @Test func oneThatCannotBeStartedIsToldToAll() async throws {
        try await Self.run(Self.settings("/nowhere/vedette-codec")) { codec, registry in
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        do throws(PictureCodec.Failure) {
                            _ = try await codec.jpeg(of: [1], .h264, width: nil)
                        } catch {
                            if case .notStarted = error { return true }
                        }
                        return false
                    }
                }
                for await isTold in group { #expect(isTold) }
            }
            #expect(Self.count("vedette_pictures_failed_total{reason=\"not-started\"}", registry) == 10)
        }
    }

    @Test func theQueueHasAnEnd() async throws {
        let gate = try temporaryFolder().appending(path: "gate").path
        let path = try Self.script(
            "head -c 1 >/dev/null; while [ ! -e \(gate) ]; do sleep 0.02; done; exit 1"
        )
        try await Self.run(Self.settings(path, queue: 3, deadline: .seconds(30))) { codec, registry in
            await withTaskGroup(of: PictureCodec.Failure?.self) { group in
                @Sendable func ask() async -> PictureCodec.Failure? {
                    do throws(PictureCodec.Failure) {
                        _ = try await codec.jpeg(of: [1], .h264, width: nil)
                    } catch {
                        return error
                    }
                    return nil
                }
                group.addTask { await ask() }
                while Self.count("vedette_picture_workers_started_total", registry) < 1
                    || Self.count("vedette_pictures_waiting", registry) > 0
                {
                    try? await Task.sleep(for: .milliseconds(5))
                }
                for _ in 0..<9 { group.addTask { await ask() } }
                // One is being made and three wait; the others hear it at once.
                for _ in 0..<6 { #expect(await group.next() == .busy) }
                #expect(Self.count("vedette_pictures_waiting", registry) == 3)
                try? Data().write(to: URL(fileURLWithPath: gate))
                for await failure in group { #expect(failure == .crashed) }
            }
        }
    }
}
