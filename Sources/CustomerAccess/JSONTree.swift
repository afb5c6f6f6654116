import FoundationEssentials
import Hummingbird
import ServerKit

/// The names in a JSON document, for those who have to tell null from absent.
enum JSONTree: Decodable {
    case object([String: JSONTree]), null, value

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let fields = try? container.decode([String: JSONTree].self) {
            self = .object(fields)
        } else {
            self = .value
        }
    }

    /// The path of every value that is no object, and whether it is null. Ordered by path.
    func leaves(below path: String) -> [(path: String, isNull: Bool)] {
        switch self {
        case .null: return [(path, true)]
        case .value: return [(path, false)]
        case .object(let fields):
            return fields.sorted { $0.key < $1.key }.flatMap { name, tree in
                tree.leaves(below: path.isEmpty ? name : "\(path).\(name)")
            }
        }
    }
}

extension Request {
    static func decodeTree(_ bytes: [UInt8]) throws(Problem) -> JSONTree {
        guard JSONDepth.isAllowed(bytes),
            let tree = try? JSONDecoder().decode(JSONTree.self, from: Data(bytes))
        else { throw Problem(.badRequest, detail: "The body is not the JSON that is expected here.") }
        return tree
    }
}
