import HSSModel
import ServerKit
import Testing

@Suite("Dates of HTTP, RFC 9110, 5.6.7") struct HTTPDateTests {
    @Test(
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
        ] as [(Int64, String)]
    )
    func readsAndWrites(seconds: Int64, text: String) {
        #expect(HTTPDate(WallTime(milliseconds: seconds * 1000 + 999)).description == text)
        #expect(HTTPDate(text)?.seconds == seconds)
    }

    @Test func everyDayComesBack() {
        for day in stride(from: Int64(0), to: 80_000, by: 1) {
            let date = HTTPDate(WallTime(milliseconds: day * 86_400_000 + 43_200_000))
            #expect(HTTPDate(date.description) == date)
        }
    }

    @Test(arguments: [
        "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:3a GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
    ]) func anythingElseIsNone(text: String) {
        #expect(HTTPDate(text) == nil)
    }
}
