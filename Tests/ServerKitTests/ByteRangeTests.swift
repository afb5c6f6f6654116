import ServerKit
import Testing

@Suite("Byte ranges, RFC 9110 14") struct ByteRangeTests {
    @Test(
        arguments: [
            (nil, .whole), ("bytes=0-499", .part(0..<500)), ("bytes=500-999", .part(500..<1000)),
            ("bytes=-500", .part(500..<1000)), ("bytes=900-", .part(900..<1000)),
            ("bytes=900-5000", .part(900..<1000)), ("bytes=-5000", .part(0..<1000)),
            ("Bytes=0-0", .part(0..<1)), ("bytes= 0-1", .part(0..<2)),
            ("bytes=1000-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
            ("bytes=99999999999999999999-", .unsatisfiable),
            ("bytes=0-99999999999999999999", .part(0..<1000)),
            // "An origin server MUST ignore a Range header field that contains a range unit it does not understand."
            ("items=0-1", .whole), ("bytes=5-2", .whole), ("bytes=a-b", .whole), ("bytes=-", .whole),
            ("bytes=", .whole), ("bytes=0-1,5-6", .whole), ("bytes=+1-2", .whole), ("bytes=١-٢", .whole),
        ] as [(String?, ByteRange)]
    )
    func oneRange(header: String?, expected: ByteRange) {
        #expect(ByteRange(header: header, condition: nil, tag: "\"t\"", size: 1000) == expected)
    }

    /// "If-Range … if the validator does not match … the recipient MUST ignore the Range header field" (13.1.5).
    @Test(arguments: [
        ("\"t\"", true), ("\"other\"", false), ("W/\"t\"", false), ("Sat, 29 Oct 1994 19:43:31 GMT", false),
    ]) func aConditionIsMetByTheStrongTagOnly(condition: String, isMet: Bool) {
        let range = ByteRange(header: "bytes=0-1", condition: condition, tag: "\"t\"", size: 10)
        #expect(range == (isMet ? .part(0..<2) : .whole))
    }

    @Test func nothingIsSatisfiableOfNothing() {
        for header in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            #expect(ByteRange(header: header, condition: nil, tag: "", size: 0) == .unsatisfiable)
        }
    }
}
