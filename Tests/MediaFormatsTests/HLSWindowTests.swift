import Foundation
import TestSupport
import Testing

@testable import MediaFormats

@Suite("Playlists of HLS, RFC 8216bis") struct HLSWindowTests {
    /// A window whose segments have four parts of half a second; the payload of a part is its number.
    private struct Stream {
        var window: HLSWindow<Int>
        var parts = 0

        init(targetDurations: Int = 10, limitInBytes: Int = 1 << 20) {
            var settings = HLSWindow<Int>.Settings()
            settings.targetDurations = targetDurations
            settings.limitInBytes = limitInBytes
            window = HLSWindow(settings)
            window.add(MP4Header(video: nil, audio: .g711(.aLaw)), -1)
        }

        mutating func add(_ count: Int, breaks: Bool = false) {
            for _ in 0..<count {
                let part = MediaSegmenter.Part(
                    bytes: [UInt8](repeating: 0, count: 1000),
                    start: Int64(parts) * 45_000,
                    duration: 45_000,
                    isIndependent: parts % 4 == 0,
                    beginsSegment: parts % 4 == 0,
                    endsSegment: parts % 4 == 3,
                    isDiscontinuity: breaks && parts % 4 == 0
                )
                window.add(part, parts, partTarget: 45_000)
                parts += 1
            }
        }

        var lines: [String] { window.playlist().split(separator: "\n").map(String.init) }
    }

    /// The whole text, once.
    @Test func aPlaylistReadsLikeThis() {
        var stream = Stream()
        stream.add(6)
        stream.window.anchor(270_000, at: 1_763_740_803_000)
        #expect(
            stream.window.playlist() == """
                #EXTM3U
                #EXT-X-VERSION:9
                #EXT-X-TARGETDURATION:2
                #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.50000
                #EXT-X-PART-INF:PART-TARGET=0.50000
                #EXT-X-MEDIA-SEQUENCE:0
                #EXT-X-MAP:URI="init0.mp4"
                #EXT-X-PROGRAM-DATE-TIME:2025-11-21T16:00:00.000Z
                #EXT-X-PART:DURATION=0.50000,URI="0.0.m4s",INDEPENDENT=YES
                #EXT-X-PART:DURATION=0.50000,URI="0.1.m4s"
                #EXT-X-PART:DURATION=0.50000,URI="0.2.m4s"
                #EXT-X-PART:DURATION=0.50000,URI="0.3.m4s"
                #EXTINF:2.00000,
                0.m4s
                #EXT-X-PROGRAM-DATE-TIME:2025-11-21T16:00:02.000Z
                #EXT-X-PART:DURATION=0.50000,URI="1.0.m4s",INDEPENDENT=YES
                #EXT-X-PART:DURATION=0.50000,URI="1.1.m4s"
                #EXT-X-PRELOAD-HINT:TYPE=PART,URI="1.2.m4s"

                """
        )
    }

    /// 6.2.2: the oldest segments leave, by number and by octets, and can be fetched for a while.
    @Test func theWindowIsBounded() {
        var stream = Stream(targetDurations: 3)
        stream.add(26)
        #expect(stream.lines.filter { $0.hasSuffix(".m4s") } == ["3.m4s", "4.m4s", "5.m4s"])
        #expect(stream.lines.contains("#EXT-X-MEDIA-SEQUENCE:3"))
        #expect(stream.window.segment(2) == [8, 9, 10, 11] && stream.window.segment(1) == nil)
        #expect(stream.window.segment(6) == nil, "it is not complete")
        var small = Stream(limitInBytes: 9000)
        small.add(100)
        #expect(small.window.sizeInBytes <= 9000)
        #expect(small.window.isPlayable)
    }

    /// Headers carry what the sender put into its parameter sets.
    @Test func headersCount() throws {
        let header = MP4Header(video: try HandMade.format(sequences: 4, length: 4000), audio: nil)
        var stream = Stream(limitInBytes: 64_000)
        for _ in 0..<40 {
            stream.window.add(header, -2)
            stream.add(4, breaks: true)
        }
        let kept = (0...40).count { stream.window.header($0) != nil }
        #expect(kept > 0 && kept < 4)
        #expect((16_000...64_000).contains(stream.window.sizeInBytes))
        // Those that no part came for are of no use.
        for _ in 0..<40 { stream.window.add(header, -2) }
        #expect((0...80).count { stream.window.header($0) != nil } <= kept + 1)
        #expect(stream.window.sizeInBytes <= 64_000 && stream.window.isPlayable)
        #expect(stream.window.header(80) == -2)
    }

    /// One large part may push out many small segments.
    @Test func whatIsTooMuchLeavesAtOnce() {
        var stream = Stream(limitInBytes: 20_000)
        stream.add(16)
        stream.window.add(
            MediaSegmenter.Part(
                bytes: [UInt8](repeating: 0, count: 15_000),
                start: 16 * 45_000,
                duration: 45_000,
                isIndependent: true,
                beginsSegment: true,
                endsSegment: true,
                isDiscontinuity: false
            ),
            16,
            partTarget: 45_000
        )
        #expect(stream.window.sizeInBytes <= 20_000)
        #expect(stream.window.segment(4) == [16])
    }

    /// 6.2.2: a discontinuity that leaves the playlist is counted.
    @Test func discontinuitiesAreCountedWhenTheyLeave() {
        var stream = Stream(targetDurations: 2)
        stream.add(4)
        stream.add(4, breaks: true)
        #expect(stream.lines.contains("#EXT-X-DISCONTINUITY"))
        #expect(!stream.window.playlist().contains("DISCONTINUITY-SEQUENCE"))
        stream.add(12)
        #expect(stream.lines.contains("#EXT-X-DISCONTINUITY-SEQUENCE:1"))
        #expect(!stream.lines.contains("#EXT-X-DISCONTINUITY"))
    }

    /// 4.4.5.2 and 6.2.5.1: what lies further back than the skip boundary is left out, and nothing else changes.
    @Test func aDeltaIsThePlaylistWithoutItsBeginning() throws {
        var stream = Stream()
        stream.add(40)
        let (whole, delta) = (stream.window.playlist(), stream.window.playlist(skips: true))
        let skipped = try #require(delta.split(separator: "\n").first { $0.hasPrefix("#EXT-X-SKIP") })
        #expect(skipped == "#EXT-X-SKIP:SKIPPED-SEGMENTS=4")
        let rest = try #require(delta.components(separatedBy: "\(skipped)\n").last)
        #expect(whole.hasSuffix(rest))
        #expect(rest.hasPrefix("#EXTINF:2.00000,\n4.m4s\n"))
        var short = Stream()
        short.add(12)
        #expect(short.window.playlist(skips: true) == short.window.playlist())
    }

    /// 6.2.5.2: there now, worth a wait, or too far ahead.
    @Test(
        arguments: [
            (segment: 0, part: nil, decision: .answer), (1, 1, .answer), (1, 2, .wait), (1, nil, .wait),
            (2, 0, .wait), (3, nil, .wait), (4, nil, .refuse), (0, 3, .answer), (0, 4, .answer),
            (1, 9, .wait),
        ] as [(segment: Int, part: Int?, decision: HLSDecision)]
    )
    func reloadsBlock(segment: Int, part: Int?, decision: HLSDecision) {
        var stream = Stream()
        stream.add(6)
        var request = HLSRequest()
        request.place = HLSPlace(segment: segment, part: part)
        #expect(stream.window.decide(request) == decision)
    }

    /// 6.2.5.2: a part number behind the last one of a whole segment means the first part of the next.
    @Test func aPartBehindTheLastIsTheFirstOfTheNext() {
        var stream = Stream()
        stream.add(4)
        var request = HLSRequest()
        request.place = HLSPlace(segment: 0, part: 4)
        #expect(stream.window.decide(request) == .wait)
        stream.add(1)
        #expect(stream.window.decide(request) == .answer)
    }

    @Test(
        arguments: [
            ("1", "2", nil, HLSPlace(segment: 1, part: 2)),
            ("7", nil, "YES", HLSPlace(segment: 7, part: nil)),
        ] as [(String?, String?, String?, HLSPlace)]
    )
    func requestsAreRead(segment: String?, part: String?, skip: String?, place: HLSPlace) throws {
        let request = try #require(HLSRequest(segment: segment, part: part, skip: skip))
        #expect(request.place == place && request.skips == (skip != nil))
    }

    @Test(
        arguments: [
            (nil, "1"), ("-1", nil), ("x", nil), ("1", ""), ("99999999999999999999", nil), ("１", nil),
        ] as [(String?, String?)]
    )
    func nonsenseIsRefused(segment: String?, part: String?) {
        #expect(HLSRequest(segment: segment, part: part, skip: nil) == nil)
    }

    /// Whoever waits for the part of the hint gets it; whoever names another one does not wait.
    @Test func theHintIsWorthAWait() {
        var stream = Stream()
        stream.add(6)
        #expect(stream.window.next == HLSPlace(segment: 1, part: 2))
        #expect(stream.window.decide(part: HLSPlace(segment: 1, part: 2)) == .wait)
        #expect(stream.window.decide(part: HLSPlace(segment: 1, part: 3)) == .refuse)
        #expect(stream.window.decide(part: HLSPlace(segment: 1, part: 1)) == .answer)
        stream.add(2)
        #expect(stream.window.part(HLSPlace(segment: 1, part: 2)) == 6)
        #expect(stream.window.next == HLSPlace(segment: 2, part: 0))
    }

    /// 4.4.3.4: behind the end nothing is waited for.
    @Test func theEndIsTold() {
        var stream = Stream()
        stream.add(6)
        stream.window.finish()
        #expect(stream.lines.last == "#EXT-X-ENDLIST")
        var request = HLSRequest()
        request.place = HLSPlace(segment: 3, part: nil)
        #expect(stream.window.decide(request) == .answer)
        #expect(stream.window.decide(part: stream.window.next) == .refuse)
    }

    /// Before the first segment there is nothing that a player could show.
    @Test func theFirstSegmentIsWaitedFor() {
        var stream = Stream()
        stream.add(3)
        #expect(stream.window.decide(HLSRequest()) == .wait)
        stream.add(1)
        #expect(stream.window.decide(HLSRequest()) == .answer)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"), (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] as [(Int64, String)]
    ) func datesAreThoseOfTheCalendar(milliseconds: Int64, text: String) {
        #expect(DateText.rfc3339(milliseconds: milliseconds) == text)
    }

    /// RFC 6381 and 4.4.6.2: what a browser looks at before it fetches anything.
    @Test func theVariantTellsItsCodecs() throws {
        let cut = MediaSegmenterTests.Cut(try RealStream.oddRates.make().bytes())
        var window = HLSWindow<[UInt8]>(.init())
        window.add(cut.headers[0], [])
        for part in cut.parts { window.add(part, part.bytes, partTarget: cut.partTarget) }
        let text = try #require(window.multivariantPlaylist(mediaPlaylist: "x/live.m3u8"))
        #expect(
            text.contains(
                "CODECS=\"avc1.42C00D,mp4a.40.2\",RESOLUTION=322x182,FRAME-RATE=23.976\nx/live.m3u8\n"
            )
        )
    }
}
