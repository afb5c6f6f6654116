import Bus
import HSSModel
import HTTPTypes
import Testing

/// H.627.2, 8.2 b, transcoding: asked for with the live picture.
@Suite("Renditions over the API") struct RenditionAPITests {
    private let call = "POST /devices/cam-1/channels/0/live"

    /// What was asked of the rooms behind, but for looks at the device.
    private func calls(_ api: APIClient) -> [String] {
        api.neighbours.calls.filter { !$0.hasPrefix("device ") }
    }

    @Test func theBodyNamesOne() async throws {
        try await APIClient.run { api in
            let small = try await api.send(call, as: "anna", #"{"rendition":"small"}"#)
            #expect(small.status == 200 && small.json.contains(#""rendition":"small""#))
            #expect(calls(api) == ["startLive cam-1/0 anna", "play small"])
        }
    }

    /// As before there was a choice: clients that send nothing, or an empty body, or an empty object.
    @Test(arguments: [nil, "", "{}", #"{"rendition":null}"#]) func withoutOneItIsTheOriginal(
        body: String?
    ) async throws {
        try await APIClient.run { api in
            let live = try await api.send(call, as: "anna", body)
            #expect(live.status == 200 && live.json.contains(#""rendition":"original""#))
            #expect(calls(api) == ["startLive cam-1/0 anna"])
        }
    }

    /// Before a camera is woken for it.
    @Test func anUnknownNameIsToldTheOthers() async throws {
        try await APIClient.run { api in
            let answer = try await api.send(call, as: "anna", #"{"rendition":"huge"}"#)
            #expect(answer.status == 400 && answer.json.contains("original, compatible, small"))
            #expect(answer.json.contains(#""field":"rendition""#))
            #expect(try await api.send(call, as: "anna", #"{"rendition":7}"#).status == 400)
            #expect(try await api.send(call, as: "anna", "rendition=small", type: "text/plain").status == 415)
            #expect(calls(api) == [])
        }
    }

    @Test func aCameraIsNotWokenForWhatIsNotOffered() async throws {
        try await APIClient.run { api in
            api.neighbours.refuseRenditions(.noTranscoding("ffmpeg is not installed"))
            let answer = try await api.send(call, as: "anna", #"{"rendition":"small"}"#)
            #expect(answer.status == 501 && answer.json.contains("urn:vedette:no-transcoding"))
            #expect(answer.json.contains("ffmpeg is not installed"))
            #expect(calls(api) == [])
            #expect(try await api.send(call).status == 200)
        }
    }

    /// 503 with the reason and when to come again; the lease, which opens nothing, is given back.
    @Test(arguments: [
        (MediaError.transcodingBusy("16 are made already"), "transcoding-busy", "10"),
        (.transcodingFailed("status 1"), "transcoding-failed", "30"),
    ]) func whatHasNoRoomGivesItsLeaseBack(failure: MediaError, type: String, delay: String) async throws {
        try await APIClient.run { api in
            api.neighbours.fail(failure)
            let answer = try await api.send(call, as: "anna", #"{"rendition":"compatible"}"#)
            #expect(answer.status == 503 && answer.json.contains("urn:vedette:\(type)"))
            #expect(answer.headers[.retryAfter] == delay && answer.json.contains("the original can be had"))
            #expect(
                calls(api) == ["startLive cam-1/0 anna", "play compatible", "stopLive cam-1/0 l1 anna"]
            )
        }
    }
}
