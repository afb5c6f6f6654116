import Blobs
import Bus
import Foundation
import HSSModel
import HostClock
import Logging
import ServerKit
import ServiceControl
import Store
import Testing

@Suite("Uploads of units, Tables I.2-16, I.2-22, I.2-29") struct UploadTests {
    private let picture = UploadPlatform.picture

    /// "url: where to PUT the picture" (Table I.2-22).
    @Test func aPictureArrivesAndWhoeverWaitsHasIt() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let address = try await platform.address()
            #expect(address.url.reveal().hasPrefix("https://vedette.example:8443/upload/"))
            async let waiting = platform.desk.content(of: address.id, within: .seconds(20))
            #expect(try await UploadPlatform.put(try UploadPlatform.local(address, port), picture) == 201)
            let content = try await waiting
            #expect(content.type == "image/jpeg")
            #expect(content.size == Int64(picture.count))
            #expect(try await content.read(0, picture.count) == picture)
            #expect(try await content.read(1000, 100) == [UInt8](repeating: 7, count: 4))
        }
    }

    @Test func anAddressWorksOnceAndAnUnknownOneLooksTheSame() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let url = try UploadPlatform.local(try await platform.address(), port)
            #expect(try await UploadPlatform.put(url, picture) == 201)
            #expect(try await UploadPlatform.put(url, picture) == 404)
            let unknown = "http://127.0.0.1:\(port)/upload/" + String(repeating: "a", count: 32)
            #expect(try await UploadPlatform.put(unknown, picture) == 404)
            for token in ["x", "..%2f..%2fetc", String(repeating: "A", count: 32), "%00"] {
                let url = "http://127.0.0.1:\(port)/upload/\(token)"
                #expect(try await UploadPlatform.put(url, picture) == 404, "\(token)")
            }
            #expect(try await platform.blobNames.count == 1)
        }
    }

    @Test func anAddressEnds() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let upload = StoredUpload(
                id: UploadID(unchecked: "old"),
                tokenHash: "hash",
                purpose: .snapshot,
                unit: UploadPlatform.unit,
                channel: 0,
                reference: nil,
                createdAt: .now + .seconds(-60),
                expiresAt: .now + .seconds(-1)
            )
            #expect(try await platform.store.add(upload, limit: 10))
            #expect(try await platform.store.openUpload(tokenHash: "hash", at: .now) == nil)
            let before = WallTime.now + .seconds(-30)
            #expect(try await platform.store.openUpload(tokenHash: "hash", at: before) == upload)
        }
    }

    /// The database has nothing with which an address could be used.
    @Test func onlyAHashOfTheTokenIsStored() async throws {
        try await UploadPlatform.with { platform async throws in
            let address = try await platform.address()
            let token = try #require(address.url.reveal().split(separator: "/").last.map(String.init))
            #expect(token.count == 32)
            let stored = try #require(try await platform.store.upload(address.id))
            #expect(stored.tokenHash.count == 64)
            let database = try Data(contentsOf: URL(fileURLWithPath: platform.folder + "/db-wal"))
            #expect(database.range(of: Data(stored.tokenHash.utf8)) != nil)
            #expect(database.range(of: Data(token.utf8)) == nil)
        }
    }

    @Test(arguments: [true, false]) func whatIsTooLargeIsCut(chunked: Bool) async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let url = try UploadPlatform.local(try await platform.address(), port)
            let large = picture + [UInt8](repeating: 1, count: 4096)
            #expect(try await UploadPlatform.put(url, large, chunked: chunked) == 413)
            #expect(try await platform.blobNames.isEmpty)
            // The address is good for a smaller one.
            let exact = picture + [UInt8](repeating: 1, count: 4096 - picture.count)
            #expect(try await UploadPlatform.put(url, exact, chunked: chunked) == 201)
            #expect(try await platform.blobNames.count == 1)
        }
    }

    @Test(
        arguments: [[], [0xff], [0xff, 0xd8], Array("<html>".utf8), [0x89, 0x50, 0x4e, 0x47]] as [[UInt8]]
    )
    func whatIsNoJPEGIsRefused(_ body: [UInt8]) async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let url = try UploadPlatform.local(try await platform.address(), port)
            #expect(try await UploadPlatform.put(url, body) == 415)
            #expect(try await UploadPlatform.put(url, body, chunked: true, type: nil) == 415)
            #expect(try await platform.blobNames.isEmpty)
            #expect(try await UploadPlatform.put(url, picture, chunked: true, type: nil) == 201)
        }
    }

    /// "no log in the range: a file of length 0 is uploaded" (Table I.2-29).
    @Test func anEmptyLogIsALog() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let address = try await platform.address(.log, reference: "task-7")
            #expect(
                try await UploadPlatform.put(try UploadPlatform.local(address, port), [], type: nil) == 201
            )
            let content = try await platform.desk.content(for: "task-7")
            #expect(content.size == 0)
            #expect(content.type == "application/octet-stream")
            await #expect(throws: ActivityError.notFound("a picture or log")) {
                try await platform.desk.content(for: "task-8")
            }
        }
    }

    /// Units repeat an upload that broke off; two at once would be somebody else.
    @Test func aBrokenUploadGivesTheAddressBackAndTwoAtOnceAreRefused() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let url = try UploadPlatform.local(try await platform.address(), port)
            let path = try #require(URL(string: url)?.path)
            let half = try await PlainConnection.open(port: port)
            try await half.send(
                Array("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".utf8)
                    + [0xff, 0xd8, 0xff, 1]
            )
            let isRefused = await eventually { (try? await UploadPlatform.put(url, picture)) == 409 }
            #expect(isRefused)
            try await half.close()
            let isTaken = await eventually { (try? await UploadPlatform.put(url, picture)) == 201 }
            #expect(isTaken)
            #expect(try await platform.blobNames.count == 1)
            #expect(Files.below(platform.folder + "/blobs").count == 1)
        }
    }

    @Test func ofManyAtOnceOneIsStored() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let url = try UploadPlatform.local(try await platform.address(), port)
            let answers = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await UploadPlatform.put(url, picture) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count { $0 == 201 } == 1)
            #expect(answers.allSatisfy { [201, 404, 409].contains($0) })
            #expect(try await platform.blobNames.count == 1)
        }
    }

    @Test func curlSendsOne() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let address = try await platform.address(.alarm, reference: "a1")
            let file = platform.folder + "/picture.jpg"
            try Data(picture).write(to: URL(fileURLWithPath: file))
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
            process.arguments = [
                "-sS", "--fail", "-T", file, "-H", "Expect: 100-continue",
                try UploadPlatform.local(address, port),
            ]
            let ended = AsyncStream<Int32> { continuation in
                process.terminationHandler = {
                    continuation.yield($0.terminationStatus)
                    continuation.finish()
                }
            }
            try process.run()
            var status: Int32?
            for await value in ended { status = value }
            #expect(status == 0)
            #expect(try await platform.desk.content(for: "a1").size == Int64(picture.count))
            // A picture of an alarm is news.
            let events = try await platform.store.events(after: .none, of: nil, limit: 10)
            #expect(events.map(\.event.detail) == [#"{"alarm_id":"a1","state":"picture"}"#])
        }
    }

    @Test func aFullDiskIsAnsweredWith507() async throws {
        try await UploadPlatform.with { platform async throws in
            let full = UploadDesk(
                settings: UploadSettings(secureAddress: "https://vedette.example"),
                key: try #require(UploadKey(Secret(String(repeating: "k", count: 32)))),
                store: platform.store,
                blobs: try FileBlobs(folder: platform.folder + "/full", reserve: .max / 2),
                feed: platform.feed,
                metrics: MetricRegistry(),
                logger: .init(label: "test")
            )
            try await UploadServer.run(full) { port async throws in
                let address = try await platform.address()
                #expect(try await UploadPlatform.put(try UploadPlatform.local(address, port), picture) == 507)
            }
        }
    }

    @Test func waitingEndsAtItsTime() async throws {
        try await UploadPlatform.with { platform async throws in
            let address = try await platform.address()
            await #expect(throws: ActivityError.nothingCame(after: .milliseconds(20))) {
                try await platform.desk.content(of: address.id, within: .milliseconds(20))
            }
            await #expect(throws: ActivityError.notFound("upload nothing")) {
                try await platform.desk.content(of: UploadID(unchecked: "nothing"), within: .seconds(20))
            }
        }
    }

    @Test func openAddressesOfAUnitAreBounded() async throws {
        try await UploadPlatform.with {
            $0.openPerUnit = 3
        } _: { platform async throws in
            for _ in 0..<3 { _ = try await platform.address() }
            await #expect(throws: ActivityError.busy("uploads that unit cam has not finished")) {
                try await platform.address()
            }
            await #expect(throws: ActivityError.notFound("device other")) {
                try await platform.desk.address(
                    for: .log,
                    of: UnitID(unchecked: "other"),
                    channel: nil,
                    reference: nil,
                    https: true
                )
            }
        }
    }

    /// "Where an *_https is false the platform hands out an http URL …, if its configuration allows plain http
    /// at all" (device-documents.md).
    @Test func aUnitWithoutTLSGetsAPlainAddressWhereThereIsOne() async throws {
        try await UploadPlatform.with { platform async throws in
            #expect(try await platform.address(https: false).url.reveal().hasPrefix("https://"))
        }
        try await UploadPlatform.with {
            $0.plainAddress = "http://vedette.example:8080"
        } _: { platform async throws in
            #expect(
                try await platform.address(https: false).url.reveal().hasPrefix(
                    "http://vedette.example:8080/"
                )
            )
            #expect(try await platform.address().url.reveal().hasPrefix("https://"))
        }
    }

    @Test func anAddressThatAsksTooOftenHearsSo() async throws {
        try await UploadPlatform.serving {
            $0.requestsPerSecond = 0.001
            $0.burst = 2
        } _: { _, port async throws in
            let unknown = "http://127.0.0.1:\(port)/upload/" + String(repeating: "a", count: 32)
            #expect(try await UploadPlatform.put(unknown, picture) == 404)
            #expect(try await UploadPlatform.put(unknown, picture) == 404)
            #expect(try await UploadPlatform.put(unknown, picture) == 429)
        }
    }
}
