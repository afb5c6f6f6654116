import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import ServerKit

extension CustomerAPI {
    /// `GET /admin/nodes`, `POST` and `DELETE /admin/nodes/{name}/drain`.
    func addNodeRoutes(to api: RouterGroup<PlatformContext>, _ nodes: any NodeControlPoint) {
        let admin = api.group("admin/nodes")
        admin.get { request, context in
            try Self.requireOperator(context)
            return try await answering {
                let all = await nodes.nodes()
                return try await page(
                    request,
                    name: { $0.node.name.rawValue },
                    body: { NodeBody($0) },
                    read: { after, limit in
                        Array(
                            all.filter { after == nil || $0.node.name.rawValue > after ?? "" }.prefix(limit)
                        )
                    }
                )
            }
        }
        admin.post(":node/drain") { request, context in
            try Self.requireOperator(context)
            let name = try context.parameters.require("node")
            let body = try await decode(DrainBody.self, from: request)
            return try await nodeAnswer(.accepted) { () throws(NodeError) in
                try await nodes.drain(
                    name,
                    rate: body.rate ?? DrainBody.usualRate,
                    force: body.force ?? false
                )
            }
        }
        admin.delete(":node/drain") { _, context in
            try Self.requireOperator(context)
            let name = try context.parameters.require("node")
            return try await nodeAnswer(.ok) { () throws(NodeError) in try await nodes.undrain(name) }
        }
    }

    private func nodeAnswer(
        _ status: HTTPResponse.Status,
        _ body: () async throws(NodeError) -> NodeStatus
    ) async throws -> Response {
        let node: NodeStatus
        do throws(NodeError) { node = try await body() } catch { throw error.problem }
        return try JSONBody.answer(NodeBody(node), status)
    }
}

extension NodeError {
    fileprivate var problem: Problem {
        switch self {
        case .noSuchNode: Problem(.notFound, detail: description)
        case .nowhereToGo: Problem(.conflict, type: "nowhere-to-go", detail: description)
        case .invalidRate:
            Problem(.badRequest, type: "invalid", detail: description, members: ["field": .text("rate")])
        }
    }
}

private struct DrainBody: Decodable {
    static let usualRate = 50

    /// Units told per second.
    var rate: Int?
    var force: Bool?
}

private struct NodeBody: Encodable {
    struct Drain: Encodable {
        var since: String
        var rate: Int
        /// The units come back to this node.
        var returning: Bool
        var told: Int
        var moved: Int
        var left: Int
    }

    var node: String
    var domain: String
    var draining: Bool
    var units: Int
    var asleep: Int
    var capacity: Int
    var drain: Drain?

    init(_ status: NodeStatus) {
        node = status.node.name.rawValue
        domain = status.node.domain
        draining = status.node.draining
        units = status.node.connectedUnits
        asleep = status.asleepUnits
        capacity = status.node.capacity
        drain = status.drain.map {
            Drain(
                since: $0.since.rfc3339,
                rate: $0.rate,
                returning: $0.returning,
                told: $0.told,
                moved: $0.moved,
                left: $0.left
            )
        }
    }
}
