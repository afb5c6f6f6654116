import Bus
import Foundation
import HSSModel
import HTTPTypes
import Testing

@Suite("API: firmware and roll-outs") struct FirmwareAPITests {
    private static let imageJSON =
        #"{"added_at":"\#(Neighbours.seen)","firmware_id":"f1","hardware_model":"cam-a","#
        + #""sha256":"abc","size":3,"version":"2.0"}"#

    @Test func onlyOperatorsHandleImagesAndRollOuts() async throws {
        try await APIClient.run { api in
            for call in [
                "POST /admin/firmware?hardware_model=a&version=1", "GET /admin/firmware",
                "GET /admin/firmware/f1", "DELETE /admin/firmware/f1", "POST /admin/roll-outs",
                "GET /admin/roll-outs", "GET /admin/roll-outs/r1", "GET /admin/roll-outs/r1/units",
                "POST /admin/roll-outs/r1/pause", "POST /admin/roll-outs/r1/resume",
                "POST /admin/roll-outs/r1/cancel",
            ] {
                let status = try await api.send(call).status
                #expect(status == 403, "\(call)")
                #expect(try await api.send(call, as: nil).status == 401, "\(call)")
            }
            #expect(api.firmware.calls == [])
        }
    }

    @Test func anImageIsTheBodyItself() async throws {
        try await APIClient.run { api in
            let call = "POST /admin/firmware?hardware_model=cam%20a&version=2.0%2B1&sha256=AB"
            let answer = try await api.send(call, as: "root", "abc", type: "application/octet-stream")
            #expect(answer.status == 201 && answer.json == Self.imageJSON)
            #expect(api.firmware.calls == ["add 2.0+1 for cam a sha256 AB size 3: abc"])
            let missing = try await api.send("POST /admin/firmware?version=1", as: "root", "abc")
            #expect(missing.status == 400 && missing.json.contains(#""field":"hardware_model""#))
        }
    }

    @Test(arguments: [
        (FirmwareError.tooLarge(limit: 9), 413), (.otherChecksum(found: "ff"), 400), (.incomplete, 400),
        (.busy, 503), (.noSpace, 507), (.management(.conflict("taken")), 409),
    ]) func whyAnImageIsRefused(failure: FirmwareError, status: Int) async throws {
        try await APIClient.run { api in
            api.firmware.fail(failure)
            let answer = try await api.send(
                "POST /admin/firmware?hardware_model=a&version=1",
                as: "root",
                "x"
            )
            #expect(answer.status == status && answer.type == "application/problem+json")
            if status == 503 { #expect(answer.headers[.retryAfter] == "30") }
        }
    }

    @Test func imagesAreListedShownAndRemoved() async throws {
        try await APIClient.run { api in
            let list = try await api.send("GET /admin/firmware?hardware_model=cam-a", as: "root")
            #expect(list.json == #"{"items":[\#(Self.imageJSON)]}"#)
            #expect(api.firmware.calls == ["list for cam-a"])
            #expect(try await api.send("GET /admin/firmware/f1", as: "root").json == Self.imageJSON)
            #expect(try await api.send("GET /admin/firmware/x", as: "root").status == 404)
            #expect(try await api.send("DELETE /admin/firmware/f1", as: "root").status == 409)
        }
    }

    @Test func aRollOutIsOrdered() async throws {
        try await APIClient.run { api in
            let body = """
                {"firmware_id":"f1","percent":10,"opens_at":"2026-01-31T02:00:00Z",
                "closes_at":"2026-01-31T04:00:00+01:00","spread_seconds":60,"most_at_once":2,"error_limit":7,
                "error_sample":3,"attempts":2,"patience_seconds":600}
                """
            let answer = try await api.send("POST /admin/roll-outs", as: "root", body)
            #expect(answer.status == 201)
            for part in [
                #""roll_out_id":"r1""#, #""phase":"running""#, #""opens_at":"2026-01-31T02:00:00Z""#,
                #""closes_at":"2026-01-31T03:00:00Z""#, #""spread_seconds":60"#, #""most_at_once":2"#,
                #""error_limit":7"#, #""error_sample":3"#, #""attempts":2"#, #""patience_seconds":600"#,
                #""counts":{"done":0,"failed":0,"missed":0,"updating":1,"waiting":1}"#,
            ] { #expect(answer.json.contains(part), "\(part)") }
            _ = try await api.send(
                "POST /admin/roll-outs",
                as: "root",
                #"{"firmware_id":"f1","units":["cam-1"]}"#
            )
            #expect(
                api.firmware.calls == [
                    "start f1 for share(percent: 10) by root", "start f1 for units([cam-1]) by root",
                ]
            )
        }
    }

    @Test(arguments: [
        (#"{"firmware_id":"f1"}"#, "percent"),
        (#"{"firmware_id":"f1","percent":5,"units":["a"]}"#, "percent"),
        (#"{"firmware_id":"f1","units":["a b"]}"#, "units"),
        (#"{"firmware_id":"f1","percent":5,"opens_at":"tomorrow"}"#, "opens_at"),
        (#"{"firmware_id":"f1","percent":5,"closes_at":"1999-01-01T00:00:00Z"}"#, "closes_at"),
        (#"{"firmware_id":"f1","percent":5,"spread_seconds":-1}"#, "spread_seconds"),
        (#"{"firmware_id":"f1","percent":5,"spread_seconds":9223372036854775807}"#, "spread_seconds"),
        (#"{"firmware_id":"f1","percent":5,"patience_seconds":1}"#, "patience_seconds"),
        (#"{"percent":5}"#, "firmware_id"),
    ]) func aRollOutNamesTheFieldThatIsWrong(body: String, field: String) async throws {
        try await APIClient.run { api in
            let answer = try await api.send("POST /admin/roll-outs", as: "root", body)
            #expect(answer.status == 400 && answer.json.contains(#""field":"\#(field)""#), "\(answer.json)")
        }
    }

    @Test func aRollOutIsFollowedAndSteered() async throws {
        try await APIClient.run { api in
            #expect(
                try await api.send("GET /admin/roll-outs", as: "root").json.contains(#""roll_out_id":"r1""#)
            )
            #expect(try await api.send("GET /admin/roll-outs/x", as: "root").status == 404)
            let units = try await api.send("GET /admin/roll-outs/r1/units", as: "root")
            let seen = Neighbours.seen
            #expect(
                units.json == #"{"items":[{"attempts":2,"changed_at":"\#(seen)","device_id":"cam-1","#
                    + #""firmware_model":"1.0","hold":"the unit is at work","progress":40,"state":"updating","#
                    + #""step":"downloading"},{"attempts":1,"changed_at":"\#(seen)","device_id":"cam-2","#
                    + #""hold":"its turn comes later","holds_until":"\#(seen)","reason":"power","#
                    + #""state":"waiting"}]}"#
            )
            let waiting = try await api.send("GET /admin/roll-outs/r1/units?state=waiting", as: "root")
            #expect(waiting.json.contains("cam-2") && !waiting.json.contains("cam-1"))
            #expect(try await api.send("GET /admin/roll-outs/r1/units?state=lost", as: "root").status == 400)
            for order in ["pause", "resume", "cancel"] {
                #expect(try await api.send("POST /admin/roll-outs/r1/\(order)", as: "root").status == 200)
            }
            #expect(api.firmware.calls == ["pause r1 by root", "resume r1 by root", "cancel r1 by root"])
        }
    }

    @Test func anOwnerUpdatesItsOwnDevice() async throws {
        try await APIClient.run { api in
            let body = #"{"firmware_id":"f1"}"#
            #expect(try await api.send("POST /devices/cam-1/upgrade", as: "anna", body).status == 202)
            #expect(api.firmware.calls == ["upgrade cam-1 to f1 by anna"])
            // Foreign: not there. Without the right `control`: forbidden.
            #expect(try await api.send("POST /devices/cam-2/upgrade", as: "anna", body).status == 404)
            #expect(try await api.send("POST /devices/cam-3/upgrade", as: "anna", body).status == 403)
            api.firmware.refuse(.unit(.offline(UnitID(unchecked: "cam-1"))))
            #expect(try await api.send("POST /devices/cam-1/upgrade", as: "anna", body).status == 504)
            api.firmware.refuse(.management(.conflict("other hardware")))
            #expect(try await api.send("POST /devices/cam-1/upgrade", as: "anna", body).status == 409)
            let images = try await api.send("GET /devices/cam-1/firmware")
            #expect(images.json == #"{"items":[\#(Self.imageJSON)]}"#)
            #expect(try await api.send("GET /devices/cam-2/firmware").status == 404)
        }
    }
}
