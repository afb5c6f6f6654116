import Foundation
import HSSModel
import Testing
import Vr

private func json(_ body: (any Encodable)?) throws -> [String: Any] {
    guard let body else { return [:] }
    let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(body))
    return try #require(object as? [String: Any])
}

private func decode<Value: Decodable>(_ text: String, as _: Value.Type) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(text.utf8))
}

@Suite("Answers of Vr, Appendix I.3") struct SegmentAnswerTests {
    private let place = UploadPlace(name: "1574322174000.ts", url: Secret("https://h/live/seg/c/s/1.ts?k=x"))

    /// Table I.3-1: `name`, `url`; deployed units read `uri`.
    @Test func createAnswersNameUrlAndUri() throws {
        let answer = SegmentAnswer.place(place)
        #expect(answer.status == 200)
        let object = try json(answer.body)
        #expect(
            object as? [String: String] == [
                "name": place.name, "url": place.url.reveal(), "uri": place.url.reveal(),
            ]
        )
    }

    /// "Both empty: this segment is not wanted, do not upload it."
    @Test func whatIsNotWantedHasEmptyFields() throws {
        let object = try json(SegmentAnswer.place(nil).body)
        #expect(object as? [String: String] == ["name": "", "url": "", "uri": ""])
    }

    @Test(arguments: [
        #"{"name":"a.ts","url":"http://h/1"}"#, #"{"name":"a.ts","uri":"http://h/1"}"#,
        #"{"name":"a.ts","url":"","uri":"http://h/1"}"#,
        #"{"uri":"http://h/2","url":"http://h/1","name":"a.ts"}"#,
    ]) func aUnitTakesEitherNameOfTheAddress(text: String) throws {
        let answer = try decode(text, as: CreateAnswer.self)
        #expect(answer.place == UploadPlace(name: "a.ts", url: Secret("http://h/1")))
    }

    @Test func aUnitSeesWhatIsNotWanted() throws {
        for text in [#"{"name":"","url":""}"#, "{}", #"{"name":"","uri":""}"#] {
            #expect(try decode(text, as: CreateAnswer.self).place == nil)
        }
    }

    @Test(arguments: [
        #"{"name":"a.ts"}"#, #"{"url":"http://h/1"}"#, #"{"name":1,"url":"http://h"}"#,
        #"{"name":"\#(String(repeating: "a", count: 257))","url":"http://h"}"#,
        #"{"name":"a","url":"\#(String(repeating: "a", count: 2049))"}"#,
    ]) func aUnitRefusesWhatItCannotWorkWith(text: String) {
        #expect(throws: DecodingError.self) { try decode(text, as: CreateAnswer.self) }
    }

    /// Table I.3-4: `"currenttime": <float, current, number of seconds from epoch>`.
    @Test func currentTimeIsSecondsWithAFraction() throws {
        let time = WallTime(milliseconds: 1_574_322_174_250)
        let body = SegmentAnswer.time(time).body
        #expect(try json(body) as? [String: Double] == ["currenttime": 1_574_322_174.25])
        #expect(try decode(#"{"currenttime":1574322174.25}"#, as: TimeAnswer.self).time == time)
        for text in [#"{"currenttime":-1}"#, #"{"currenttime":1e300}"#, "{}"] {
            #expect(throws: DecodingError.self) { try decode(text, as: TimeAnswer.self) }
        }
    }

    /// Tables I.3-2, I.3-3, I.3-5: "Normal response: None".
    @Test func nothingIsAnsweredToSave() {
        #expect(SegmentAnswer.none.status == 200)
        #expect(SegmentAnswer.none.body == nil)
    }

    /// "Abnormal response: {"info": <string, required: wrong description>}"; "400~499: user input error, 500~599:
    /// server error".
    @Test func failuresHaveAnInfo() throws {
        let failures: [RecordFailure] = [.unknownSegment, .incomplete(received: 5, size: 9), .noSpace]
        let expected = [
            (404, "name: there is no such segment"), (409, "name: 5 of 9 bytes are there"),
            (507, "no space is left for recordings, try again later"),
        ]
        for (failure, (status, info)) in zip(failures, expected) {
            let answer = SegmentAnswer.failure(failure)
            #expect(answer.status == status)
            #expect(try json(answer.body) as? [String: String] == ["info": info])
        }
    }

    /// "Response header" of each table.
    @Test func headersOfTheTables() {
        let headers = SegmentAnswer.headers.map { "\($0.name): \($0.value)" }
        #expect(
            headers == [
                "Content-Type: application/json; charset=utf-8", "Access-Control-Allow-Origin: *",
                "Access-Control-Allow-Methods: POST",
            ]
        )
    }

    @Test func eachOutcomeHasItsAnswer() throws {
        let name = try #require(SegmentName("1574322174000.ts"))
        let time = WallTime(milliseconds: 1_574_322_999_000)
        func answer(_ outcome: RecordOutcome) -> SegmentAnswer {
            SegmentAnswer(outcome) { Secret("\($0) \($1) \($2.milliseconds)") }
        }
        let placed = UploadPlace(
            name: "1574322174000.ts",
            url: Secret("1574322174000.ts 100 1574322999000")
        )
        #expect(answer(.place(name, size: 100, expiresAt: time)) == .place(placed))
        #expect(answer(.unwanted) == .place(nil))
        #expect(answer(.done) == .none)
        #expect(answer(.time(time)) == .time(time))
        #expect(answer(.failure(.noSpace)) == .failure(.noSpace))
    }

    /// Table I.3-1, `https`: "1 the unit can upload by https, 0 only by http".
    @Test func aUnitWithoutTLSIsSentWhereItCanGo() throws {
        let both = UploadOrigins(secure: "https://h:8443", plain: "http://h:8080")
        #expect(try both.origin(secure: true) == "https://h:8443")
        #expect(try both.origin(secure: false) == "http://h:8080")
        let secure = UploadOrigins(secure: "https://h:8443")
        #expect(try secure.origin(secure: true) == "https://h:8443")
        #expect(throws: RecordFailure.plainUploadsAreOff) { try secure.origin(secure: false) }
    }
}
