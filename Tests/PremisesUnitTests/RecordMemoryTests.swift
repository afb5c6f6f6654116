import HSSModel
import MediaFormats
import Testing
import Vd

@testable import PremisesUnit

@Suite("What recordings of one unit hold in memory") struct RecordMemoryTests {
    private static func segment(_ number: Int64) -> MediaSegment {
        MediaSegment(
            bytes: [UInt8](repeating: 0x47, count: 1000),
            start: number * 900_000,
            duration: 900_000,
            isDiscontinuous: false,
            beginsWithKeyFrame: true,
            arrival: number * 10_000
        )
    }

    private static func order(_ session: String, _ channel: Int) throws -> JSONObject {
        UnitRecordingTests.order(session: session, channel: channel).parameters
    }

    /// Eight channels whose storage is gone: together they hold what the unit may, not each of them.
    @Test func allRecordingsTogetherAreBounded() throws {
        let channels = Dictionary(
            uniqueKeysWithValues: (0..<8).map { ($0, UnitProfile.Channel(bitrate: 1_000_000)) }
        )
        var recordings = UnitRecordings(channels: channels)
        var settings = RecordSettings()
        settings.mostCachedBytes = 6000
        settings.mostCachedOfAll = 12_000
        let now = Instant(nanoseconds: 0)
        var running: [RecordingID] = []
        for channel in 0..<8 {
            let order = try Self.order("r\(channel)", channel)
            for case .start(let begun) in recordings.startRecord(order, settings: settings, at: now).1 {
                running.append(begun.id)
            }
        }
        try #require(running.count == 8)
        var lost = 0
        for number in Int64(1)...7 {
            for id in running {
                let news = RecordNews.segment(Self.segment(number))
                let actions = recordings.receive(id, news, time: { $0 }, at: now)
                for case .report(.segmentDropped) in actions { lost += 1 }
                // One segment of each is never given up for another's, and the one that has just come is there.
                #expect(recordings.heldBytes <= 12_000 + 8000, "\(recordings.heldBytes)")
            }
        }
        #expect(lost >= 7 * 8 - 20, "the oldest went, and were told: \(lost)")
        #expect(recordings.heldBytes >= 8000, "each holds its newest")
    }
}
