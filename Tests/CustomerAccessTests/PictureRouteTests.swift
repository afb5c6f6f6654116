import Bus
import HTTPTypes
import ServerKit
import Testing

/// `GET …/picture`: what is kept between caches and callers, and who may.
@Suite("The latest picture of a channel") struct PictureRouteTests {
    private static let tag = "\"1763712000250-320-5\""
    private static func status(
        _ api: APIClient,
        _ call: String,
        _ fields: HTTPFields = [:]
    ) async throws -> Int {
        let answer = try await api.fetch(call, fields)
        return answer.status
    }

    private static let date = "Fri, 21 Nov 2025 08:00:00 GMT"

    @Test func isAJPEGWithItsAge() async throws {
        try await APIClient.run { api in
            let answer = try await api.fetch("GET /devices/cam-1/channels/1/picture?width=320")
            #expect(answer.status == 200)
            #expect(answer.bytes == [0xFF, 0xD8, 1, 2, 3])
            #expect(answer.headers[.contentType] == "image/jpeg")
            #expect(answer.headers[.contentLength] == "5")
            #expect(answer.headers[.eTag] == Self.tag)
            #expect(answer.headers[.lastModified] == Self.date)
            #expect(answer.headers[.cacheControl] == "private, no-cache")
            let age = try #require(HTTPField.Name("Picture-Age"))
            #expect(Int(answer.headers[age] ?? "") ?? -1 > 86_400)
            #expect(api.neighbours.calls.last == "picture of cam-1/1 320")
            let whole = try await api.fetch("GET /devices/cam-1/picture")
            #expect(whole.status == 200 && whole.headers[.eTag] == "\"1763712000250-0-5\"")
            #expect(api.neighbours.calls.last == "picture of cam-1/0 0")
        }
    }

    @Test func whoHasItHearsSoInAFewOctets() async throws {
        try await APIClient.run { api in
            let path = "GET /devices/cam-1/picture?width=320"
            for tags in [Self.tag, "*", "\"other\", W/\(Self.tag)", "\"a\",\(Self.tag),\"b\""] {
                let answer = try await api.fetch(path, [.ifNoneMatch: tags])
                #expect(answer.status == 304 && answer.bytes.isEmpty, "\(tags)")
                #expect(answer.headers[.eTag] == Self.tag && answer.headers[.lastModified] == Self.date)
            }
            // RFC 9110, 13.2.2: with a tag the date is not looked at.
            let both = try await api.fetch(path, [.ifNoneMatch: "\"other\"", .ifModifiedSince: Self.date])
            #expect(both.status == 200)
            #expect(try await Self.status(api, path, [.ifModifiedSince: Self.date]) == 304)
            let before = try await api.fetch(path, [.ifModifiedSince: "Fri, 21 Nov 2025 07:59:59 GMT"])
            #expect(before.status == 200)
            #expect(try await Self.status(api, path, [.ifModifiedSince: "yesterday"]) == 200)
            let head = try await api.fetch("HEAD /devices/cam-1/picture?width=320")
            #expect(head.status == 200 && head.bytes.isEmpty && head.headers[.contentLength] == "5")
        }
    }

    @Test func onlyWhoMayWatchSeesIt() async throws {
        try await APIClient.run { api in
            // Somebody else's, without the right, and a channel that is not there.
            let paths = ["cam-2/picture", "cam-3/picture", "cam-1/channels/7/picture"]
            var statuses: [Int] = []
            for path in paths { statuses.append(try await api.fetch("GET /devices/" + path).status) }
            #expect(statuses == [404, 403, 404])
            #expect(!api.neighbours.calls.contains { $0.hasPrefix("picture") })
        }
    }

    @Test(arguments: ["0", "15", "8193", "-1", "x", "320px", ""]) func widthsHaveBounds(
        width: String
    ) async throws {
        try await APIClient.run { api in
            let answer = try await api.fetch("GET /devices/cam-1/picture?width=\(width)")
            #expect(answer.status == 400)
        }
    }

    @Test(
        arguments: [
            (PictureError.none, 404, nil), (.notSupported("why"), 501, nil), (.busy, 503, "1"),
            (.unusable("damaged"), 502, nil), (.unavailable("secret"), 503, "5"),
        ] as [(PictureError, Int, String?)]
    )
    func whatIsWrongIsTold(error: PictureError, status: Int, later: String?) async throws {
        try await APIClient.run { api in
            api.neighbours.fail(error)
            let answer = try await api.fetch("GET /devices/cam-1/picture")
            #expect(answer.status == status)
            #expect(answer.headers[.retryAfter] == later)
            #expect(!String(decoding: answer.bytes, as: UTF8.self).contains("secret"))
        }
    }
}
