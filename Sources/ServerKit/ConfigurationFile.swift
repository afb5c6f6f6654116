import Yams

/// A configuration file taken apart: keys with their text and line. Nothing is checked against the table yet.
struct ConfigurationFile {
    struct Entry {
        var key: String
        /// Nil: a list or a mapping stands where a value should.
        var text: String?
        var line: Int
    }

    struct Fault: Equatable {
        var line: Int?
        var text: String
    }

    /// The sample has 6 KiB.
    static let largest = 1 << 20

    private(set) var entries: [Entry] = []
    private(set) var faults: [Fault] = []

    /// - Parameter text: the whole file, at most ``largest`` bytes.
    init(_ text: String) {
        if let line = Self.lineOfAlias(text) {
            faults.append(Fault(line: line, text: "aliases (*name) are not supported in the configuration"))
            return
        }
        do {
            // Nesting is bounded by libyaml (1000 levels); duplicate keys are an error of Yams.
            guard let root = try Yams.compose(yaml: text) else { return }
            read(root)
        } catch let error as YamlError {
            faults.append(Self.fault(error))
        } catch {
            faults.append(Fault(line: nil, text: "not YAML: \(error)"))
        }
    }

    private mutating func read(_ root: Node) {
        // A file of comments only.
        if case .scalar(let scalar) = root, scalar.string.isEmpty { return }
        guard case .mapping(let sections) = root else {
            let text = "expected sections such as 'https:' with keys below them"
            faults.append(Fault(line: root.mark?.line, text: text))
            return
        }
        for (name, value) in sections {
            let line = name.mark?.line ?? 0
            guard case .scalar(let section) = name else {
                faults.append(Fault(line: line, text: "expected a name before the colon"))
                continue
            }
            guard case .mapping(let keys) = value else {
                // `https:` with every key below commented out.
                if case .scalar(let scalar) = value, scalar.string.isEmpty, section.string != "roles" {
                    continue
                }
                entries.append(Entry(key: section.string, text: Self.text(value), line: line))
                continue
            }
            for (name, value) in keys {
                let line = name.mark?.line ?? line
                guard case .scalar(let key) = name else {
                    faults.append(Fault(line: line, text: "expected a name before the colon"))
                    continue
                }
                let path = "\(section.string).\(key.string)"
                entries.append(Entry(key: path, text: Self.text(value), line: line))
            }
        }
    }

    /// A scalar as written (`off` and `0120` stay text); a list of scalars joined by commas.
    private static func text(_ node: Node) -> String? {
        switch node {
        case .scalar(let scalar): return scalar.string
        case .sequence(let items):
            var texts: [String] = []
            for item in items {
                guard case .scalar(let scalar) = item, !scalar.string.contains(",") else { return nil }
                texts.append(scalar.string)
            }
            return texts.joined(separator: ",")
        default: return nil
        }
    }

    /// Yams copies what an alias stands for and hashes keys as it reads: a few lines could take hours
    /// ("billion laughs"). So the text is searched before it is parsed, at the price of refusing ` *word` in
    /// comments too.
    private static func lineOfAlias(_ text: String) -> Int? {
        var line = 1
        var before: UInt8 = 0x0a
        var star = false
        for byte in text.utf8 {
            if star, byte > 0x20, byte != UInt8(ascii: "*") { return line }
            star = byte == UInt8(ascii: "*") && (before <= 0x20 || "[{,:?-".utf8.contains(before))
            if byte == 0x0a { line += 1 }
            before = byte
        }
        return nil
    }

    private static func fault(_ error: YamlError) -> Fault {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            Fault(line: mark.line, text: "not YAML: \(problem)")
        case .reader(let problem, _, _, _): Fault(line: nil, text: "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let names, let context):
            Fault(line: context.mark.line, text: "given more than once: \(names.joined(separator: ", "))")
        default: Fault(line: nil, text: "not YAML")
        }
    }
}
