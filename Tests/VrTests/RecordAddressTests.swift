import HSSModel
import TestSupport
import Testing
import Vr

@Suite("Addresses of recording, §9.3.4.2, Table I.2-14") struct RecordAddressTests {
    private let key: RecordKey
    private let other: RecordKey
    private let channel = ChannelID(unchecked: "cam1-0")
    private let session = RecordSessionID(unchecked: "k3v9q2m7xw4hzd5p")
    private let now = WallTime(milliseconds: 1_795_257_971_000)
    private let segment: SegmentName
    private let upload: UploadAddress

    init() throws {
        key = try #require(RecordKey(Secret("0123456789abcdef0123456789abcdef")))
        other = try #require(RecordKey(Secret("another key, also of thirty-two octets")))
        segment = try #require(SegmentName("1574322174000.ts"))
        upload = UploadAddress(
            channel: channel,
            session: session,
            segment: segment,
            size: 32_768,
            expiresAt: now + .seconds(60)
        )
    }

    private func target(_ url: Secret?) throws -> String {
        String(try #require(url).reveal().dropFirst("https://h:8443".count))
    }

    /// `https://<domain:port>/live/cseg/<channel ID>`, and a key of its own: "knowing another unit's channelID is not
    /// enough to write to it".
    @Test func anAddressOpensItsChannelAndSession() throws {
        let address = RecordAddress(channel: channel, session: session)
        let url = address.url(at: "https://h:8443", key: key)
        #expect(url?.reveal().hasPrefix("https://h:8443/live/cseg/cam1-0?k=") == true)
        let text = try target(url)
        #expect(try RecordAddress(parsing: text, key: key) == address)
        #expect(try RecordAddress(parsing: text + "&proxy=1", key: key) == address)
        #expect(throws: RecordFailure.wrongKey) { try RecordAddress(parsing: text, key: other) }
        for wrong in [
            "/live/cseg/cam1-0", "/live/cseg/cam1-0?k=", "/live/cseg/cam1-0?k=\(session)",
            "/live/cseg/?k=a~b",
            text.replacing("cam1-0", with: "cam1-1"), text.replacing("k3v9", with: "k3v8"),
            text.replacing("cseg", with: "seg"), String(text.dropLast()), text + "A",
        ] {
            #expect(throws: RecordFailure.wrongKey, "\(wrong)") {
                try RecordAddress(parsing: wrong, key: key)
            }
        }
    }

    /// `cbk_url`: "Vr address of the channel, at most 256 bytes".
    @Test func anAddressHasAtMost256Bytes() {
        let address = RecordAddress(
            channel: ChannelID(unchecked: String(repeating: "c", count: 64)),
            session: session
        )
        let origin = "https://" + String(repeating: "h", count: 110)
        #expect(address.url(at: origin, key: key)?.reveal().utf8.count == 256)
        #expect(address.url(at: origin + "h", key: key) == nil)
    }

    @Test func anUploadIsBoundToSegmentSizeAndTime() throws {
        let text = try target(upload.url(at: "https://h:8443", key: key))
        #expect(try UploadAddress(parsing: text, key: key, at: now) == upload)
        for (wrong, replacement) in [
            ("cam1-0", "cam1-1"), ("k3v9", "k3v8"), ("1574322174000", "1574322174001"), ("=32768", "=32769"),
            ("expires=1", "expires=2"), ("/live/seg", "/live/cseg"),
        ] {
            let changed = text.replacing(wrong, with: replacement)
            #expect(throws: RecordFailure.wrongKey, "\(changed)") {
                try UploadAddress(parsing: changed, key: key, at: now)
            }
        }
        #expect(throws: RecordFailure.wrongKey) { try UploadAddress(parsing: text, key: other, at: now) }
        #expect(throws: RecordFailure.wrongKey) {
            try UploadAddress(parsing: text, key: key, at: upload.expiresAt)
        }
        #expect(throws: RecordFailure.requestTooLong) {
            try UploadAddress(parsing: text + String(repeating: "&", count: 1024), key: key, at: now)
        }
    }

    /// A key of one kind of address never opens the other, and lists of parts cannot be cut elsewhere.
    @Test func anyChangedCharacterIsRefused() throws {
        for text in [
            try target(upload.url(at: "https://h:8443", key: key)),
            try target(RecordAddress(channel: channel, session: session).url(at: "https://h:8443", key: key)),
        ] {
            for place in text.utf8.indices {
                var bytes = Array(text.utf8)
                bytes[text.utf8.distance(from: text.utf8.startIndex, to: place)] ^= 1
                let changed = String(decoding: bytes, as: UTF8.self)
                #expect((try? UploadAddress(parsing: changed, key: key, at: now)) == nil, "\(changed)")
                #expect((try? RecordAddress(parsing: changed, key: key)) == nil, "\(changed)")
            }
        }
    }

    @Test func aShortSecretMakesNoKey() {
        #expect(RecordKey(Secret("0123456789abcdef0123456789abcde")) == nil)
    }

    @Test(arguments: [
        "", ".ts", "1574322174000", "01574322174000.ts", "+1.ts", "-1.ts", "253402300800000.ts", "1.TS",
        "../../etc/passwd", "0003.tss", "99999999999999999999.ts",
    ]) func aForeignNameIsNoSegment(text: String) {
        #expect(SegmentName(text) == nil)
    }

    @Test func aNameHasOneText() throws {
        for milliseconds in [0, 1, 1_574_322_174_000, 253_402_300_799_999] as [Int64] {
            let name = try #require(SegmentName(start: WallTime(milliseconds: milliseconds)))
            #expect(SegmentName(name.description) == name)
        }
    }
}

@Suite("Ranges of uploads, RFC 9110 §14.4, §14.5") struct UploadRangeTests {
    @Test(
        arguments: [
            (nil, nil, UploadRange(size: 200)), (nil, 200, UploadRange(size: 200)),
            ("bytes 0-199/200", 200, UploadRange(size: 200)),
            ("Bytes 150-199/200", 50, UploadRange(offset: 150, size: 200)),
            ("bytes 199-199/200", nil, UploadRange(offset: 199, size: 200)),
        ] as [(String?, Int64?, UploadRange)]
    ) func takes(header: String?, length: Int64?, range: UploadRange) throws {
        #expect(try UploadRange(header: header, length: length, announced: 200) == range)
        #expect(try UploadRange(header: range.header, length: range.count, announced: 200) == range)
    }

    /// "a refusal before the body when it will not be taken".
    @Test(
        arguments: [
            (nil, 201, RecordFailure.segmentTooLarge(limit: 200)),
            (nil, 199, .incomplete(received: 0, size: 200)),
            ("bytes 150-199/200", 51, .segmentTooLarge(limit: 200)),
            ("bytes 0-99/200", 100, .malformedRange), ("bytes 0-199/201", nil, .malformedRange),
            ("bytes 200-199/200", nil, .malformedRange), ("bytes */200", 0, .malformedRange),
            ("bytes 0-199/*", nil, .malformedRange), ("bytes -1-199/200", nil, .malformedRange),
            ("lines 0-199/200", nil, .malformedRange), ("bytes 0-199", nil, .malformedRange),
            ("bytes 99999999999999999999-199/200", nil, .malformedRange), ("", nil, .malformedRange),
        ] as [(String?, Int64?, RecordFailure)]
    ) func refuses(header: String?, length: Int64?, failure: RecordFailure) {
        #expect(throws: failure) { try UploadRange(header: header, length: length, announced: 200) }
    }
}
