import Blobs
import Foundation
import HSSModel
import NIOCore
import Store
import TestSupport
import Testing
import Vr

@testable import CloudStorage

@Suite("Uploads of segments, §9.3.4.1") struct SegmentUploadTests {
    private static let bytes = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    /// RFC 9110 §10.1.1: the word comes when the upload is taken, and a refusal comes in its place.
    @Test func aRefusalComesBeforeTheBody() async throws {
        let bench = try await StorageBench()
        let file = bench.folder + "/segment.ts"
        try ByteFile.write(Self.bytes, to: file)
        try await bench.serving { https, _, authority in
            func put(_ target: String) async throws -> CurlAnswer {
                try await Curl.run(
                    [
                        "--http1.1", "--cacert", authority, "-H", "Expect: 100-continue",
                        "--expect100-timeout", "25",
                        "-T", file, "https://localhost:\(https)\(target)",
                    ]
                )
            }
            let target = try await bench.announce(StorageBench.name(1), size: Int64(Self.bytes.count))
            let forged = try await put(target + "x")
            #expect(forged.status == 403)
            #expect(!forged.trace.contains("100 Continue"))
            let other = try await bench.announce(StorageBench.name(2), size: Int64(Self.bytes.count) - 1)
            let tooLarge = try await put(other)
            #expect(tooLarge.status == 413)
            #expect(!tooLarge.trace.contains("100 Continue"))
            let taken = try await put(target)
            #expect(taken.status == 200)
            #expect(taken.trace.contains("100 Continue"))
        }
        let row = try #require(try await bench.row(StorageBench.name(1)))
        #expect(try await bench.bytes(of: row) == Self.bytes)
        #expect(bench.segmentFiles.count == 1)
    }

    @Test(arguments: ["--http1.1", "--http2"]) func aSegmentIsTheSameWhenItIsReadBack(
        version: String
    ) async throws {
        let bench = try await StorageBench()
        let file = bench.folder + "/segment.ts"
        try ByteFile.write(Self.bytes, to: file)
        try await bench.serving { https, http, authority in
            for (number, origin) in ["https://localhost:\(https)", "http://127.0.0.1:\(http)"].enumerated() {
                let name = StorageBench.name(number)
                let target = try await bench.announce(name, size: Int64(Self.bytes.count))
                let answer = try await Curl.run([version, "--cacert", authority, "-T", file, origin + target])
                #expect(answer.status == 200)
                #expect(try await bench.ask(.save(name: "\(name)")) == .none)
                let row = try #require(try await bench.row(name))
                #expect(try await bench.bytes(of: row) == Self.bytes)
            }
        }
    }

    /// A body without a length is counted as it comes.
    @Test func aBodyOfUnknownLengthIsCounted() async throws {
        let bench = try await StorageBench()
        let file = bench.folder + "/segment.ts"
        try ByteFile.write(Array(Self.bytes.prefix(5000)), to: file)
        try await bench.serving { _, http, _ in
            func put(_ size: Int64, _ number: Int) async throws -> CurlAnswer {
                let target = try await bench.announce(StorageBench.name(number), size: size)
                let chunked = ["-H", "Transfer-Encoding: chunked", "-T", file]
                return try await Curl.run(chunked + ["http://127.0.0.1:\(http)\(target)"])
            }
            #expect(try await put(5000, 1).status == 200)
            let short = try await put(5001, 2)
            #expect(short.status == 409)
            #expect(short.headers["upload-offset"] == "5000")
            #expect(try await put(4999, 3).status == 413)
        }
    }

    @Test func aBrokenUploadGoesOn() async throws {
        let bench = try await StorageBench()
        let name = StorageBench.name(1)
        let size = Self.bytes.count
        let target = try await bench.announce(name, size: Int64(size))
        let broken = HeldBody.broken(Array(Self.bytes.prefix(700_000)))
        let answer = await bench.storage.upload(to: target, range: nil, length: Int64(size), broken)
        #expect(answer == .failure(.incomplete(received: 700_000, size: Int64(size))))
        // A file that nobody writes is not held open, and is there.
        #expect(bench.segmentFiles.map { $0.hasSuffix(".part") } == [true])
        let elsewhere = await bench.put(
            Array(Self.bytes.dropFirst(600_000)),
            to: target,
            range: "bytes 600000-\(size - 1)/\(size)"
        )
        #expect(elsewhere == .failure(.wrongOffset(expected: 700_000)))
        let rest = await bench.put(
            Array(Self.bytes.dropFirst(700_000)),
            to: target,
            range: "bytes 700000-\(size - 1)/\(size)"
        )
        #expect(rest == .none)
        #expect(try await bench.ask(.save(name: "\(name)")) == .none)
        let row = try #require(try await bench.row(name))
        #expect(try await bench.bytes(of: row) == Self.bytes)
        // The checksum is of all bytes, in both uploads.
        let blob = try #require(BlobName(.segments, key: row.blob.rawValue))
        let sum = try await bench.files.sha256(of: blob)
        #expect(sum != nil && row.sha256 == sum)
        #expect(bench.segmentFiles.count == 1)
    }

    /// "Of two uploads the newer counts": a unit that lost its network returns before the old socket times out.
    @Test func aNewerUploadDisplacesTheOneThatHangs() async throws {
        let bench = try await StorageBench()
        let target = try await bench.announce(StorageBench.name(1), size: 1000)
        let bytes = Array(Self.bytes.prefix(1000))
        let held = HeldBody(Array(bytes.prefix(10)))
        async let first = bench.storage.upload(to: target, range: nil, length: 1000, held)
        await held.isBeingRead()
        #expect(await bench.put(bytes, to: target) == .none)
        #expect(await first == .failure(.displaced))
        await bench.storage.end()
        #expect(bench.segmentFiles.count == 1)
    }

    @Test func aSlowUploadIsCutAndMayGoOn() async throws {
        let bench = try await StorageBench { $0.uploadTime = .zero }
        let target = try await bench.announce(StorageBench.name(1), size: 1000)
        let held = HeldBody(Array(Self.bytes.prefix(400)))
        let answer = await bench.storage.upload(to: target, range: nil, length: 1000, held)
        guard case .failure(.incomplete(let received, 1000)) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(received == 0 || received == 400)
    }

    @Test func uploadsBeyondTheBoundAreToldToComeAgain() async throws {
        let bench = try await StorageBench { $0.uploads = 1 }
        let first = try await bench.announce(StorageBench.name(1), size: 100)
        let second = try await bench.announce(StorageBench.name(2), size: 100)
        let bytes = Array(Self.bytes.prefix(100))
        let held = HeldBody([])
        async let running = bench.storage.upload(to: first, range: nil, length: 100, held)
        await held.isBeingRead()
        #expect(await bench.put(bytes, to: second) == .failure(.busy))
        held.finish()
        _ = await running
        #expect(await bench.put(bytes, to: second) == .none)
        await bench.storage.end()
        #expect(await bench.put(bytes, to: first) == .failure(.busy))
    }

    @Test func failedSegmentsLeaveNothing() async throws {
        let bench = try await StorageBench()
        let name = StorageBench.name(1)
        let target = try await bench.announce(name, size: 100)
        #expect(await bench.put(Array(Self.bytes.prefix(100)), to: target) == .none)
        #expect(try await bench.ask(.fail(name: "\(name)")) == .none)
        await bench.storage.end()
        #expect(try await bench.row(name) == nil)
        #expect(bench.segmentFiles.isEmpty)
        #expect(bench.storage.table.held.isEmpty)
    }

    /// 507, and what is recorded can be read: on a file system of 4 MiB.
    @Test func aFullDiskRefusesAndKeepsWhatIsThere() async throws {
        let mount = try TinyDisk(megabytes: 4)
        let bench = try await StorageBench(blobFolder: mount.path)
        let bytes = Self.bytes
        let first = try await bench.announce(StorageBench.name(1), size: Int64(bytes.count))
        #expect(await bench.put(bytes, to: first) == .none)
        #expect(try await bench.ask(.save(name: "\(StorageBench.name(1))")) == .none)
        // It is known by then that it cannot fit.
        let large = StorageBench.create(StorageBench.name(2), size: 4 << 20)
        #expect(try await bench.ask(large) == .failure(.noSpace))
        // Two are promised what one of them gets.
        let second = try await bench.announce(StorageBench.name(3), size: Int64(bytes.count))
        let third = try await bench.announce(StorageBench.name(4), size: Int64(bytes.count))
        #expect(await bench.put(bytes, to: second) == .none)
        #expect(await bench.put(bytes, to: third) == .failure(.noSpace))
        let row = try #require(try await bench.row(StorageBench.name(1)))
        #expect(try await bench.bytes(of: row) == bytes)
        // Room comes back with what is given up.
        #expect(try await bench.ask(.fail(name: "\(StorageBench.name(3))")) == .none)
        await bench.storage.table.withHeld(StorageBench.session) { await $0.rest() }
        #expect(await bench.put(bytes, to: third) == .none)
    }

    /// A real encoder's segments, uploaded by curl one after the other, each confirmed with the next.
    @Test func segmentsOfARealEncoderComeBackIdentical() async throws {
        let bench = try await StorageBench()
        let made = try MediaFile.run(
            [
                "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t", "6",
                "-g", "25",
                "-f", "segment", "-segment_time", "1", "-segment_format", "mpegts",
                bench.folder + "/cut%03d.ts",
            ]
        )
        try #require(made.status == 0, "\(made.errors)")
        let paths = (0..<6).map { bench.folder + "/cut00\($0).ts" }
        try await bench.serving { https, _, authority in
            var previous: String?
            for (number, path) in paths.enumerated() {
                let name = StorageBench.name(number)
                let size = try ByteFile.read(path).count
                let request = StorageBench.create(name, size: Int64(size), confirming: previous)
                guard case .place(let place?) = try await bench.ask(request) else {
                    Issue.record("no place for \(name)")
                    return
                }
                let target = place.url.reveal().dropFirst("https://localhost:1".count)
                let answer = try await Curl.run(
                    ["--cacert", authority, "-T", path, "https://localhost:\(https)\(target)"]
                )
                #expect(answer.status == 200)
                previous = name.description
            }
            #expect(try await bench.ask(.save(name: previous ?? "")) == .none)
        }
        for (number, path) in paths.enumerated() {
            let row = try #require(try await bench.row(StorageBench.name(number)))
            #expect(row.state == .saved)
            #expect(try await bench.bytes(of: row) == ByteFile.read(path))
            let sum = try MediaFile.run(["sha256sum", path])
            #expect(row.sha256.map { String(decoding: sum.output, as: UTF8.self).hasPrefix($0) } ?? false)
        }
    }
}

/// A file system of a few megabytes in memory. Only root may mount one.
private final class TinyDisk {
    let path: String

    init(megabytes: Int) throws {
        path = NSTemporaryDirectory() + "vedette-disk-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let mount = try MediaFile.run(["mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path])
        try #require(mount.status == 0, "a tmpfs has to be mounted, as root: \(mount.errors)")
    }

    deinit {
        _ = try? MediaFile.run(["umount", "-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }
}
