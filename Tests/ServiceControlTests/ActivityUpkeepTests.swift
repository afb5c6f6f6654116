import Blobs
import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import ServiceControl
import Store
import Testing

@Suite("Upkeep of uploads") struct ActivityUpkeepTests {
    private func upkeep(_ platform: UploadPlatform, settling: Duration = .zero) -> ActivityUpkeep {
        var settings = ActivityUpkeep.Settings()
        settings.settlingTime = settling
        return ActivityUpkeep(
            store: platform.store,
            blobs: platform.blobs,
            settings: settings,
            metrics: MetricRegistry(),
            logger: .init(label: "test")
        )
    }

    private func put(_ platform: UploadPlatform, _ port: Int) async throws -> StoredUpload {
        let address = try await platform.address()
        let url = try UploadPlatform.local(address, port)
        #expect(try await UploadPlatform.put(url, UploadPlatform.picture) == 201)
        return try #require(try await platform.store.upload(address.id))
    }

    @Test func whatHasHadItsTimeGoesWithItsFile() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let upload = try await put(platform, port)
            _ = try await platform.address()
            let upkeep = upkeep(platform)
            #expect(try await upkeep.sweep(at: .now, compare: true) == ActivityUpkeep.Report())
            // A snapshot is kept for an hour; the unused address ended after two minutes.
            var report = try await upkeep.sweep(at: .now + .seconds(600), compare: true)
            #expect(report == expected { $0.expiredUploads = 1 })
            #expect(try await platform.blobNames.count == 1)
            report = try await upkeep.sweep(at: .now + .seconds(3700), compare: true)
            #expect(report == expected { $0.expiredUploads = 1 })
            #expect(try await platform.blobNames.isEmpty)
            #expect(try await platform.store.upload(upload.id) == nil)
        }
    }

    /// A crash between blob and row, and a file that somebody deleted.
    @Test func rowsAndBlobsAreBroughtTogether() async throws {
        try await UploadPlatform.serving { platform, port async throws in
            let kept = try await put(platform, port)
            let lost = try await put(platform, port)
            let stray = BlobName.fresh(in: .uploads)
            let writer = try await platform.blobs.begin(stray, expecting: nil, limit: 10)
            _ = try await writer.finish()
            let name = try #require(BlobName(.uploads, key: lost.content?.blob ?? ""))
            try await platform.blobs.delete(name)

            // What is young may be on its way.
            let patient = upkeep(platform, settling: .seconds(3600))
            #expect(try await patient.sweep(at: .now, compare: true) == ActivityUpkeep.Report())
            let later = WallTime.now + .seconds(1)
            #expect(try await upkeep(platform).sweep(at: later, compare: false) == ActivityUpkeep.Report())
            let report = try await upkeep(platform).sweep(at: later, compare: true)
            #expect(
                report
                    == expected {
                        $0.strayBlobs = 1
                        $0.lostBlobs = 1
                    }
            )
            #expect(try await platform.blobNames.map(\.key) == [kept.content?.blob])
            #expect(try await platform.store.upload(lost.id) == nil)
            #expect(try await platform.store.upload(kept.id) == kept)
        }
    }

    @Test func theComparisonGoesThroughManyPages() async throws {
        try await UploadPlatform.with { platform async throws in
            var rows: [String] = []
            for number in 0..<1200 {
                let name = BlobName.fresh(in: .uploads)
                let writer = try await platform.blobs.begin(name, expecting: nil, limit: 1)
                _ = try await writer.finish()
                guard number % 3 == 0 else { continue }
                rows.append(name.key)
                let id = UploadID(unchecked: "u\(number)")
                let upload = StoredUpload(
                    id: id,
                    tokenHash: "\(number)",
                    purpose: .log,
                    unit: UploadPlatform.unit,
                    channel: nil,
                    reference: nil,
                    createdAt: .now,
                    expiresAt: .now + .seconds(60)
                )
                #expect(try await platform.store.add(upload, limit: 1))
                let content = StoredUpload.Content(
                    blob: name.key,
                    type: "image/jpeg",
                    size: 0,
                    sha256: "",
                    storedAt: .now
                )
                #expect(
                    try await platform.store.complete(
                        id,
                        with: content,
                        keepUntil: .now + .seconds(3600),
                        event: nil
                    )
                )
            }
            let report = try await upkeep(platform).sweep(at: .now + .seconds(1), compare: true)
            #expect(report == expected { $0.strayBlobs = 800 })
            let left = try await platform.blobs.list(.uploads, after: nil, limit: 2000).map(\.name.key)
            #expect(left == rows.sorted())
        }
    }

    private func expected(_ change: (inout ActivityUpkeep.Report) -> Void) -> ActivityUpkeep.Report {
        var report = ActivityUpkeep.Report()
        change(&report)
        return report
    }
}
