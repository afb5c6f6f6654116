import Bus
import CustomerAccess
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import ServerKit
import Testing

/// The API over Hummingbird's router, with the roles behind it played by the test.
struct APIClient {
    struct Answer: Equatable {
        var status: Int
        /// With its members in alphabetical order; empty where there is no body.
        var json: String
        var headers: HTTPFields

        var type: String? { headers[.contentType] }
    }

    let neighbours: Neighbours
    let firmware: FirmwareNeighbour
    let activity: ActivityNeighbour
    let nodes: FakeNodes
    let usage: FakeUsage
    let upkeep: FakeUpkeep
    let recordings: FakeRecordings
    let checks: FakeChecks
    let access: FakeAccess
    let audit: FakeAudit
    private let client: any TestClientProtocol

    static func run(
        settings: CustomerAPI.Settings = CustomerAPI.Settings(),
        _ body: @escaping @Sendable (APIClient) async throws -> Void
    ) async throws {
        let neighbours = Neighbours()
        let firmware = FirmwareNeighbour()
        let activity = ActivityNeighbour()
        let nodes = FakeNodes()
        let usage = FakeUsage()
        let upkeep = FakeUpkeep()
        let recordings = FakeRecordings()
        let checks = FakeChecks()
        let access = FakeAccess()
        let audit = FakeAudit()
        let router = Router(context: PlatformContext.self)
        router.add(middleware: ProblemMiddleware())
        make(
            neighbours,
            firmware,
            activity,
            nodes,
            usage,
            upkeep,
            recordings,
            checks,
            access,
            audit,
            settings
        )
        .addRoutes(to: router)
        try await Application(router: router).test(.router) { client in
            try await body(
                APIClient(
                    neighbours: neighbours,
                    firmware: firmware,
                    activity: activity,
                    nodes: nodes,
                    usage: usage,
                    upkeep: upkeep,
                    recordings: recordings,
                    checks: checks,
                    access: access,
                    audit: audit,
                    client: client
                )
            )
        }
    }

    /// Every part of the API, with nobody in particular behind it.
    static func complete() -> CustomerAPI {
        make(
            Neighbours(),
            FirmwareNeighbour(),
            ActivityNeighbour(),
            FakeNodes(),
            FakeUsage(),
            FakeUpkeep(),
            FakeRecordings(),
            FakeChecks(),
            FakeAccess(),
            FakeAudit()
        )
    }

    /// What a platform with all of them serves.
    static var served: [ServedRoute] {
        complete().addRoutes(to: Router(context: PlatformContext.self))
    }

    private static func make(
        _ neighbours: Neighbours,
        _ firmware: FirmwareNeighbour,
        _ activity: ActivityNeighbour,
        _ nodes: FakeNodes,
        _ usage: FakeUsage,
        _ upkeep: FakeUpkeep,
        _ recordings: FakeRecordings,
        _ checks: FakeChecks,
        _ access: FakeAccess,
        _ audit: FakeAudit,
        _ settings: CustomerAPI.Settings = CustomerAPI.Settings()
    ) -> CustomerAPI {
        CustomerAPI(
            accounts: neighbours,
            devices: neighbours,
            control: neighbours,
            units: neighbours,
            media: neighbours,
            pictures: neighbours,
            activity: Activity(
                uploads: activity,
                alarms: activity,
                events: activity,
                webhooks: activity,
                batteries: activity
            ),
            firmware: FirmwareAccess(images: firmware, rollOuts: firmware),
            nodes: nodes,
            usage: usage,
            channels: FakeChannels(),
            upkeep: upkeep,
            recordChecks: checks,
            recordControl: NoRecordControl(),
            recordings: recordings,
            access: access,
            audit: audit,
            settings: settings
        )
    }

    /// Any address, with no login.
    func get(
        _ path: String,
        _ fields: HTTPFields = [:],
        method: HTTPRequest.Method = .get
    ) async throws -> (status: Int, headers: HTTPFields, bytes: [UInt8]) {
        try await client.execute(uri: path, method: method, headers: fields) {
            ($0.status.code, $0.headers, Array($0.body.readableBytesView))
        }
    }

    /// `call` is a method and what follows `/api/v1`. A body is sent as JSON unless `type` says otherwise. With `plain` the
    /// answer's text is left as it is.
    func send(
        _ call: String,
        as token: String? = "anna",
        _ body: String? = nil,
        type: String? = "application/json",
        plain: Bool = false
    ) async throws -> Answer {
        let words = call.split(separator: " ")
        var headers = HTTPFields()
        if let token { headers[.authorization] = "Bearer \(token)" }
        if body != nil { headers[.contentType] = type }
        return try await client.execute(
            uri: "/api/v1" + words[1],
            method: try #require(HTTPRequest.Method(String(words[0]))),
            headers: headers,
            body: body.map { ByteBuffer(string: $0) }
        ) { response in
            Answer(
                status: response.status.code,
                json: plain
                    ? String(buffer: response.body) : try Self.sorted(String(buffer: response.body)),
                headers: response.headers
            )
        }
    }

    /// A call without a body, with header fields; the answer's body is left as it is.
    func fetch(
        _ call: String,
        as token: String = "anna",
        _ fields: HTTPFields = [:]
    ) async throws -> (status: Int, headers: HTTPFields, bytes: [UInt8]) {
        let words = call.split(separator: " ")
        var headers = fields
        headers[.authorization] = "Bearer \(token)"
        return try await client.execute(
            uri: "/api/v1" + words[1],
            method: try #require(HTTPRequest.Method(String(words[0]))),
            headers: headers
        ) { ($0.status.code, $0.headers, Array($0.body.readableBytesView)) }
    }

    static func sorted(_ json: String) throws -> String {
        guard !json.isEmpty else { return "" }
        let value = try JSONSerialization.jsonObject(with: Data(json.utf8))
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
        return String(
            decoding: try JSONSerialization.data(withJSONObject: value, options: options),
            as: UTF8.self
        )
    }
}
