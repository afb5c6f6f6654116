import Blobs
import HSSModel
import HostClock
import NIOCore
import Testing

@Suite("Blobs, contract") struct BlobStoreContract {
    @Test(arguments: BlobBackend.available) func whatWasFinishedIsThereAsAWhole(
        _ backend: BlobBackend
    ) async throws {
        try await backend.withStore { store async throws in
            let name = BlobName.fresh(in: .uploads)
            let writer = try await store.begin(name, expecting: 11, limit: 11)
            try await writer.append(ByteBuffer(string: "hello "))
            await #expect(throws: BlobError.notFound(name)) { try await store.open(name) }
            try await writer.append(ByteBuffer(string: "world"))
            let receipt = try await writer.finish()
            #expect(receipt.size == 11)
            // printf 'hello world' | sha256sum
            #expect(
                receipt.sha256 == "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
            )
            #expect(try await store.text(name) == "hello world")
        }
    }

    @Test(arguments: BlobBackend.available) func anEmptyBlobIsABlob(_ backend: BlobBackend) async throws {
        try await backend.withStore { store async throws in
            let name = BlobName.fresh(in: .uploads)
            let writer = try await store.begin(name, expecting: 0, limit: 10)
            #expect(try await writer.finish().size == 0)
            let reader = try await store.open(name)
            #expect(reader.size == 0)
            #expect(try await reader.read(at: 0, count: 10).readableBytes == 0)
        }
    }

    @Test(arguments: BlobBackend.available) func rangesAreReadAndEndAtTheEnd(
        _ backend: BlobBackend
    ) async throws {
        try await backend.withStore { store async throws in
            let name = BlobName.fresh(in: .uploads)
            try await store.put(name, "0123456789")
            let reader = try await store.open(name)
            #expect(String(buffer: try await reader.read(at: 3, count: 4)) == "3456")
            #expect(String(buffer: try await reader.read(at: 8, count: 100)) == "89")
            #expect(try await reader.read(at: 10, count: 1).readableBytes == 0)
            #expect(try await reader.read(at: .max, count: .max).readableBytes == 0)
            #expect(try await reader.read(at: -1, count: 5).readableBytes == 0)
        }
    }

    @Test(arguments: BlobBackend.available) func moreThanTheLimitIsRefusedAndNothingStays(
        _ backend: BlobBackend
    ) async throws {
        try await backend.withStore { store async throws in
            let name = BlobName.fresh(in: .uploads)
            await #expect(throws: BlobError.tooLarge(limit: 5)) {
                _ = try await store.begin(name, expecting: 6, limit: 5)
            }
            let unannounced = try await store.begin(name, expecting: nil, limit: 5)
            try await unannounced.append(ByteBuffer(string: "12345"))
            await #expect(throws: BlobError.tooLarge(limit: 5)) {
                try await unannounced.append(ByteBuffer(string: "6"))
            }
            await unannounced.abandon()
            let announced = try await store.begin(name, expecting: 2, limit: 5)
            await #expect(throws: BlobError.tooLarge(limit: 2)) {
                try await announced.append(ByteBuffer(string: "123"))
            }
            await announced.abandon()
            await #expect(throws: BlobError.notFound(name)) { try await store.open(name) }
            #expect(try await store.list(.uploads, after: nil, limit: 10).isEmpty)
        }
    }

    @Test(arguments: BlobBackend.available) func lessThanWasAnnouncedIsNoBlob(
        _ backend: BlobBackend
    ) async throws {
        try await backend.withStore { store async throws in
            let name = BlobName.fresh(in: .uploads)
            let writer = try await store.begin(name, expecting: 3, limit: 5)
            try await writer.append(ByteBuffer(string: "12"))
            await #expect(throws: BlobError.incomplete(expected: 3, received: 2)) {
                try await writer.finish()
            }
            // It may still become whole.
            try await writer.append(ByteBuffer(string: "3"))
            #expect(try await writer.finish().size == 3)
            await #expect(throws: BlobError.ended) { try await writer.finish() }
            await #expect(throws: BlobError.ended) { try await writer.append(ByteBuffer(string: "x")) }
            await writer.abandon()
            #expect(try await store.text(name) == "123")
        }
    }

    @Test(arguments: BlobBackend.available) func deletingIsIdempotentAndReadersGoOn(
        _ backend: BlobBackend
    ) async throws {
        try await backend.withStore { store async throws in
            let name = BlobName.fresh(in: .uploads)
            try await store.put(name, "here")
            let reader = try await store.open(name)
            try await store.delete(name)
            try await store.delete(name)
            await #expect(throws: BlobError.notFound(name)) { try await store.open(name) }
            #expect(String(buffer: try await reader.read(at: 0, count: 9)) == "here")
        }
    }

    @Test(arguments: BlobBackend.available) func aListIsOrderedAndGoesOn(
        _ backend: BlobBackend
    ) async throws {
        try await backend.withStore { store async throws in
            let names = (0..<40).map { _ in BlobName.fresh(in: .uploads) }
            for name in names { try await store.put(name, "x") }
            // What is on its way is not listed.
            let open = try await store.begin(.fresh(in: .uploads), expecting: nil, limit: 1)
            var listed: [BlobEntry] = []
            while true {
                let page = try await store.list(.uploads, after: listed.last?.name, limit: 7)
                listed += page
                if page.count < 7 { break }
            }
            #expect(listed.map(\.name) == names.sorted())
            #expect(listed.allSatisfy { $0.size == 1 && (WallTime.now - $0.writtenAt) < .seconds(600) })
            await open.abandon()
        }
    }

    @Test(arguments: BlobBackend.available) func manyAtOnceDoNotMix(_ backend: BlobBackend) async throws {
        try await backend.withStore { store async throws in
            let names = (0..<20).map { _ in BlobName.fresh(in: .uploads) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, name) in names.enumerated() {
                    group.addTask {
                        let writer = try await store.begin(name, expecting: nil, limit: 1 << 20)
                        for _ in 0..<50 { try await writer.append(ByteBuffer(string: "\(number),")) }
                        _ = try await writer.finish()
                    }
                }
                try await group.waitForAll()
            }
            for (number, name) in names.enumerated() {
                #expect(try await store.text(name) == String(repeating: "\(number),", count: 50))
            }
        }
    }

    @Test func namesAreOursOnly() {
        let name = BlobName.fresh(in: .uploads)
        #expect(BlobName(.uploads, key: name.key) == name)
        for key in ["", "..", "../../etc/passwd", String(name.key.dropLast()), name.key.uppercased() + "/"] {
            #expect(BlobName(.uploads, key: key) == nil)
        }
        #expect(BlobName(.uploads, key: String(repeating: "A", count: 32)) == nil)
    }
}
