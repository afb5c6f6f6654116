import Hummingbird
import Testing

@testable import ServerKit

@Suite("JSON bodies and problems") struct JSONBodyTests {
    private struct Order: Decodable {
        var deviceId: String
        var channelCount: Int
    }

    private func detail(_ text: String) -> String? {
        do {
            _ = try Request.decode(Order.self, from: Array(text.utf8))
            return nil
        } catch {
            return error.detail
        }
    }

    @Test func namesAreInSnakeCase() throws {
        let order = try Request.decode(
            Order.self,
            from: Array("{\"device_id\":\"a\",\"channel_count\":2}".utf8)
        )
        #expect(order.deviceId == "a" && order.channelCount == 2)
    }

    @Test(arguments: [
        ("", "The body is not the JSON that is expected here."),
        ("{\"device_id\":\"a\"}", "channel_count is missing."),
        ("{\"device_id\":\"a\",\"channel_count\":null}", "channel_count must not be null."),
        ("{\"device_id\":\"secret\",\"channel_count\":\"2\"}", "channel_count has the wrong type."),
        ("{\"device_id\":\"a\",\"channel_count\":1e99}", "The body is not the JSON that is expected here."),
    ]) func whatIsWrongNamesTheMemberAndNotTheValue(text: String, expected: String) {
        #expect(detail(text) == expected)
    }

    @Test func depthIsBoundedBeforeParsing() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(detail(deep) == "The body nests deeper than 32 levels.")
        #expect(JSONDepth.isAllowed(Array("{\"a\":\"\(deep)\\\"[\"}".utf8)))
        let allowed = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
        #expect(JSONDepth.isAllowed(Array(allowed.utf8)))
    }

    @Test func aProblemIsJSONWhateverIsInIt() async throws {
        let problem = Problem(
            .gatewayTimeout,
            type: "unit-silent",
            detail: "said \"no\"\u{0}\n\\",
            members: ["code": .number(101), "status": .number(1), "again": .truth(true), "b": .text("é")]
        )
        let script =
            "import json,sys;d=json.load(sys.stdin);print(d['status'],d['type'],d['code'],d['again'],d['b'])"
        let parsed = try await run("python3", "-c", script, input: problem.json)
        #expect(parsed.output == "504 urn:vedette:unit-silent 101 True é\n", "\(parsed)")
    }
}
