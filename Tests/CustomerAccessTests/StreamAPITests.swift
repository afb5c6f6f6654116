import Testing

@Suite("Streams in the API, CONTRACT") struct StreamAPITests {
    /// Network addresses of people are for operators.
    @Test(arguments: [
        "GET /admin/streams", "GET /admin/streams/s1", "DELETE /admin/streams/s1",
        "DELETE /admin/streams/s1/viewers/1",
    ]) func isForOperatorsOnly(call: String) async throws {
        try await APIClient.run { api in
            let customer = try await api.send(call, as: "anna")
            #expect(customer.status == 403)
            #expect(try await api.send(call, as: nil).status == 401)
            #expect(api.neighbours.calls.isEmpty)
        }
    }

    @Test func aStreamIsShownWithItsPublisherAndAPageOfItsViewers() async throws {
        try await APIClient.run { api in
            let page = try await api.send("GET /admin/streams/s1?limit=2", as: "root")
            #expect(page.status == 200 && page.json.contains(#""stream_id":"s1""#))
            #expect(page.json.contains(#""viewers":2"#) && page.json.contains(#""bitrate":2000000"#))
            // The names of MediaMTX in our spelling.
            #expect(page.json.contains(#""ms_rtt":21.5"#) && page.json.contains(#""packets_sent":900"#))
            #expect(
                page.json.contains(#""packets_send_loss":0"#) && page.json.contains(#""bytes_send_buf":0"#)
            )
            #expect(page.json.contains(#""viewer_id":"1""#) && page.json.contains(#""user":"anna""#))
            #expect(!page.json.contains(#""viewer_id":"3""#) && page.json.contains(#""next_cursor":"2""#))
            let rest = try await api.send("GET /admin/streams/s1?limit=2&cursor=2", as: "root")
            #expect(rest.json.contains(#""viewer_id":"3""#) && !rest.json.contains("next_cursor"))
            #expect(!rest.json.contains(#""user""#), "its lease is not known any more")
            #expect(try await api.send("GET /admin/streams/s9", as: "root").status == 404)
            #expect(try await api.send("GET /admin/streams/s1?cursor=x", as: "root").status == 400)
            #expect(try await api.send("GET /admin/streams/s1?limit=201", as: "root").status == 400)
        }
    }

    @Test func viewersAndPushesAreEnded() async throws {
        try await APIClient.run { api in
            let ended = try await api.send("DELETE /admin/streams/s1/viewers/1", as: "root")
            #expect(ended.status == 204)
            #expect(try await api.send("DELETE /admin/streams/s1/viewers/2", as: "root").status == 404)
            #expect(try await api.send("DELETE /admin/streams/s1/viewers/anna", as: "root").status == 404)
            let push = try await api.send("DELETE /admin/streams/s1", as: "root")
            #expect(push.status == 202 && push.json == #"{"stream_id":"s1","viewers":2}"#)
            #expect(try await api.send("DELETE /admin/streams/s9", as: "root").status == 404)
            #expect(
                api.neighbours.calls == ["kick 1 of s1", "kick 2 of s1", "kick the publisher of s1"]
            )
        }
    }

    @Test func whoSeesADeviceSeesHowItsPictureDoes() async throws {
        try await APIClient.run { api in
            let live = try await api.send("GET /devices/cam-1/channels/0/live")
            #expect(live.status == 200 && live.json.contains(#""state":"live""#))
            #expect(
                live.json.contains(#""viewers":3"#) && live.json.contains(#""since":"\#(Neighbours.seen)""#)
            )
            #expect(live.json.contains(#"{"user":"anna","viewers":1},{"user":"bert","viewers":2}"#))
            #expect(!live.json.contains("192.0.2"), "addresses are for operators")
            let idle = try await api.send("GET /devices/cam-1/channels/1/live")
            #expect(idle.json.contains(#""state":"idle""#))
            #expect(idle.json.contains(#""reason":"unsupported-codec""#))
            #expect(try await api.send("GET /devices/cam-2/channels/0/live").status == 404)
            #expect(try await api.send("GET /devices/cam-1/channels/7/live").status == 404)
        }
    }

    @Test func anOwnerEndsWhatOneUserWatches() async throws {
        try await APIClient.run { api in
            let path = "/devices/cam-1/channels/0/viewers"
            let ended = try await api.send("DELETE \(path)/bert")
            #expect(ended.status == 204)
            #expect(try await api.send("DELETE \(path)/cleo").status == 404)
            #expect(try await api.send("DELETE \(path)/bert", as: "root").status == 204, "an operator too")
            #expect(try await api.send("DELETE /devices/cam-2/channels/0/viewers/bert").status == 404)
            #expect(
                api.neighbours.calls.filter { $0.hasPrefix("dismiss") }.first == "dismiss bert from cam-1/0"
            )
        }
    }
}
