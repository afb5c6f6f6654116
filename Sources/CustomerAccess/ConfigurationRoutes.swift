import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import ServerKit
import Vd

/// The configuration of a unit: what it has and what is wanted (Tables I.2-19 to I.2-21).
extension CustomerAPI {
    func addConfigurationRoutes(to api: RouterGroup<PlatformContext>) {
        api.get("devices/:id/config") { _, context in
            try await answering {
                let configuration = try await units.configuration(of: try await unit(context))
                return JSONBody.answer(configuration.object)
            }
        }
        api.patch("devices/:id/config") { request, context in
            let bytes = try await request.json(upTo: settings.bodySize)
            return try await answering {
                let unit = try await unit(context, needing: .control)
                let patch = try ConfigurationPatch(parsing: bytes)
                let configuration = try await units.changeConfiguration(
                    of: unit,
                    patch.change,
                    dropping: patch.dropped
                )
                // What is wanted is kept in either case.
                return JSONBody.answer(configuration.object, configuration.isSettled ? .ok : .accepted)
            }
        }
        api.delete("devices/:id/config") { _, context in
            try await answering {
                let unit = try await ownUnit(context, to: "reset its configuration")
                try await units.resetConfiguration(of: unit)
                return Response(status: .accepted)
            }
        }
    }
}

/// A merge patch (RFC 7396) of what is wanted: a value wants a field, null wants it no longer.
struct ConfigurationPatch: Equatable {
    var change: ConfigurationDocument
    var dropped: [ConfigurationPath]

    init(parsing bytes: [UInt8]) throws {
        let object: JSONObject
        do throws(JSONError) { object = try JSONObject(parsing: bytes) } catch {
            throw Problem(.badRequest, detail: "The body is \(error).")
        }
        dropped = []
        for (path, isNull) in try Request.decodeTree(bytes).leaves(below: "") {
            guard let field = ConfigurationPath(parsing: path) ?? ConfigurationPath(parsing: Self.whole(path))
            else { throw FieldError(path, "there is no such field") }
            if isNull { dropped.append(field) }
        }
        change = try ConfigurationDocument(object)
        guard !change.isEmpty || !dropped.isEmpty else { throw FieldError("channels", "no field is named") }
    }

    /// What is the manufacturer's own has any names below it.
    private static func whole(_ path: String) -> String {
        guard let range = path.firstRange(of: "extension.") else { return path }
        return path[..<range.lowerBound] + "extension"
    }
}

extension UnitConfiguration {
    /// As the API tells it.
    fileprivate var object: JSONObject {
        JSONObject { writer in
            if let reported { writer.field("reported", reported.object) }
            writer.field("desired", desired.object)
            writer.field("difference", (difference ?? ConfigurationDocument()).object)
            writer.field(
                "refused",
                refused.sorted { $0.key < $1.key }.map { path, refusal in
                    JSONObject {
                        $0.field("field", path.description)
                        $0.field("unit_error", refusal.code)
                        $0.field("reason", refusal.message)
                    }
                }
            )
            writer.field(named: "settled", isSettled)
        }
    }
}
