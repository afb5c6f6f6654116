import Blobs
import Foundation
import HSSModel
import HostClock
import NIOCore
import Testing

@Suite("Blobs as files") struct FileBlobsTests {
    @Test func aWriterThatIsLetGoLeavesNothing() async throws {
        try await TemporaryFolder.with { folder in
            let store = try FileBlobs(folder: folder)
            do {
                let writer = try await store.begin(.fresh(in: .uploads), expecting: 5, limit: 5)
                try await writer.append(ByteBuffer(string: "123"))
                #expect(TemporaryFolder.files(folder).count == 1)
            }
            // The thread that wrote lets go of it a moment after it has answered.
            for _ in 0..<500 where !TemporaryFolder.files(folder).isEmpty {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(TemporaryFolder.files(folder).isEmpty)
        }
    }

    /// What a killed platform had begun is on the disk under a name that nobody reads, and upkeep drops it.
    @Test func partsOfAKilledPlatformAreDropped() async throws {
        try await TemporaryFolder.with { folder in
            let store = try FileBlobs(folder: folder)
            let kept = BlobName.fresh(in: .uploads)
            try await store.put(kept, "kept")
            let shard = folder + "/uploads/" + kept.key.prefix(2)
            let part = shard + "/0123456789abcdef0123456789abcdef.part"
            try Data("half".utf8).write(to: URL(fileURLWithPath: part))
            #expect(try await store.list(.uploads, after: nil, limit: 10).map(\.name) == [kept])
            #expect(try await store.dropAbandoned(before: .now + .seconds(-60), limit: 10) == 0)
            #expect(try await store.dropAbandoned(before: .now + .seconds(60), limit: 10) == 1)
            #expect(TemporaryFolder.files(folder).count == 1)
            #expect(try await store.text(kept) == "kept")
        }
    }

    /// A folder of more entries than one system call lists: each is named once, the last of a listing's memory too.
    @Test func aLargeFolderIsListedWhole() async throws {
        try await TemporaryFolder.with { folder in
            let store = try FileBlobs(folder: folder)
            let shard = folder + "/uploads/ab"
            try FileManager.default.createDirectory(atPath: shard, withIntermediateDirectories: true)
            let keys = (0..<3_000).map {
                "ab" + String(repeating: "0", count: 26) + String(10_000 + $0).suffix(4)
            }
            for key in keys { try Data().write(to: URL(fileURLWithPath: shard + "/" + key)) }
            #expect(try await store.list(.uploads, after: nil, limit: 4_000).map(\.name.key) == keys)
        }
    }

    @Test func filesAreTheOwnersOnly() async throws {
        try await TemporaryFolder.with { folder in
            let store = try FileBlobs(folder: folder + "/a/b")
            try await store.put(.fresh(in: .uploads), "x")
            let files = TemporaryFolder.files(folder)
            #expect(files.count == 1)
            for path in files.map({ folder + "/" + $0 }) {
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
                #expect((mode as? NSNumber)?.intValue == 0o600)
            }
        }
    }

    @Test func theReserveIsLeftFree() async throws {
        try await TemporaryFolder.with { folder in
            let store = try FileBlobs(folder: folder, reserve: .max / 2)
            await #expect(throws: BlobError.noSpace) {
                _ = try await store.begin(.fresh(in: .uploads), expecting: nil, limit: 5)
            }
            #expect(TemporaryFolder.files(folder).isEmpty)
        }
    }

    @Test func whatCannotFitIsRefusedBeforeItsFirstByte() async throws {
        try await TemporaryFolder.with { folder in
            let store = try FileBlobs(folder: folder, reserve: -(1 << 62))
            await #expect(throws: BlobError.noSpace) {
                _ = try await store.begin(.fresh(in: .uploads), expecting: 1 << 60, limit: 1 << 60)
            }
            #expect(TemporaryFolder.files(folder).isEmpty)
        }
    }

    @Test func anUnusableFolderIsNamed() {
        #expect {
            try FileBlobs(folder: "/dev/null/blobs")
        } throws: { error in
            "\(error)".hasPrefix("blobs.url: /dev/null/blobs: ")
        }
    }
}
