import FoundationEssentials

/// A JSON document of a unit: its capabilities, its configuration.
package struct UnitDocument: Sendable {
    /// As the platform sent it.
    package var text: String

    package init(text: String) {
        self.text = text
    }

    /// Every value with the names that lead to it: `channels.0.image.horflip`, `true`. Ordered by name.
    package func leaves() throws(CustomerError) -> [(String, String)] {
        let value: Value
        do {
            value = try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } catch {
            throw .unexpected("a document that is no JSON")
        }
        return value.leaves(below: "")
    }

    /// The parts of `GET …/config`.
    package struct Configuration: Sendable {
        package var reported: [(String, String)]
        package var difference: [(String, String)]
        /// Why, by field.
        package var refused: [String: String]
    }

    package func configuration() throws(CustomerError) -> Configuration {
        struct Answer: Decodable {
            struct Refusal: Decodable {
                var field: String
                var reason: String
            }

            var reported: Value?
            var difference: Value
            var refused: [Refusal]
        }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(text.utf8)) else {
            throw .unexpected("a configuration that is none")
        }
        return Configuration(
            reported: answer.reported?.leaves(below: "") ?? [],
            difference: answer.difference.leaves(below: ""),
            refused: Dictionary(answer.refused.map { ($0.field, $0.reason) }) { $1 }
        )
    }

    /// Any JSON.
    private enum Value: Decodable {
        case object([String: Value]), array([Value]), leaf(String)

        private struct Name: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            if let container = try? decoder.container(keyedBy: Name.self) {
                var fields: [String: Value] = [:]
                for name in container.allKeys {
                    fields[name.stringValue] = try container.decode(Value.self, forKey: name)
                }
                self = .object(fields)
            } else if let array = try? [Value](from: decoder) {
                self = .array(array)
            } else {
                let container = try decoder.singleValueContainer()
                if let truth = try? container.decode(Bool.self) {
                    self = .leaf("\(truth)")
                } else if let number = try? container.decode(Int.self) {
                    self = .leaf("\(number)")
                } else if let number = try? container.decode(Double.self) {
                    self = .leaf("\(number)")
                } else if container.decodeNil() {
                    self = .leaf("null")
                } else {
                    self = .leaf(try container.decode(String.self))
                }
            }
        }

        func leaves(below path: String) -> [(String, String)] {
            let prefix = path.isEmpty ? "" : path + "."
            switch self {
            case .leaf(let text): return [(path, text)]
            case .array(let values):
                let texts = values.flatMap { $0.leaves(below: "") }.map(\.1)
                return [(path, texts.joined(separator: ","))]
            case .object(let fields):
                return fields.sorted { $0.key < $1.key }.flatMap { $0.value.leaves(below: prefix + $0.key) }
            }
        }
    }
}
