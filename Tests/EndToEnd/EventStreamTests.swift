import CustomerUnit
import Testing

/// Server-Sent Events as the platform writes them (WHATWG HTML, 9.2.6), however the octets are cut.
@Suite("The event stream, read") struct EventStreamTests {
    private static let text = """
        retry: 2000

        id: 7
        event: alarm
        data: {"event_id":7}

        : heartbeat
        id: 9


        """

    @Test(arguments: [1, 2, 7, 1000]) func eventsAreThereWhereverTheOctetsAreCut(size: Int) throws {
        var lines = EventLines()
        var found: [String] = []
        var rest = Array(Self.text.utf8)[...]
        while !rest.isEmpty {
            let events = lines.append(rest.prefix(size))
            found += try #require(events)
            rest = rest.dropFirst(size)
        }
        #expect(found == [#"{"event_id":7}"#])
        // A comment with an id moves the place on without an event.
        #expect(lines.last == 9)
    }

    @Test func aLineWithoutEndIsRefused() {
        var lines = EventLines()
        let part = Array(repeating: UInt8(ascii: "x"), count: 60_000)
        let (first, second) = (lines.append(part), lines.append(part))
        #expect(first == [] && second == nil)
    }
}
