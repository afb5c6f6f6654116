import Foundation

/// Where a value comes from. The first of flag, environment, file and default that has one wins.
package enum ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
    case flag
    case environment(String)
    case file(path: String, line: Int)
    case defaulted

    package var description: String {
        switch self {
        case .flag: "flag"
        case .environment(let name): "environment \(name)"
        case .file(let path, let line): "\(path):\(line)"
        case .defaulted: "default"
        }
    }
}

/// All that is wrong with a configuration, at once.
package struct ConfigurationProblems: Error, Equatable, CustomStringConvertible {
    package let problems: [String]

    package var description: String { problems.joined(separator: "\n") }
}

/// The value of every key, checked, with its origin.
package struct ConfigurationValues: Sendable {
    package struct Entry: Sendable {
        package var key: ConfigurationKey
        package var text: String
        package var value: ConfigurationKey.Value
        package var origin: ConfigurationOrigin

        /// Fit to be shown: passwords are not.
        package var shownText: String {
            key.mayBeSecret ? LogRedaction.redact(text) : text
        }
    }

    /// In the order of the table.
    package private(set) var entries: [Entry]
    private let index: [String: Int]

    /// Reads `file` (none: nil), `environment` and `flags` (key → text).
    ///
    /// Throws ``ConfigurationProblems`` with everything that is wrong: keys that are unknown or of a later
    /// version, texts that are not what the key expects, and files that cannot be read.
    package init(
        file: String?,
        environment: [String: String],
        flags: [String: String] = [:],
        keys: [ConfigurationKey] = ConfigurationTable.keys
    ) throws(ConfigurationProblems) {
        var reader = Reader(keys: keys)
        if let file { reader.readFile(file) }
        reader.readEnvironment(environment)
        reader.readFlags(flags)
        let entries = reader.finish()
        guard reader.problems.isEmpty else { throw ConfigurationProblems(problems: reader.problems) }
        self.entries = entries
        index = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.key.path, $0) })
    }

    mutating func replace(_ entry: Entry) {
        if let place = index[entry.key.path] { entries[place] = entry }
    }

    package subscript(path: String) -> Entry? { index[path].map { entries[$0] } }
}

/// Collects texts from the sources, lowest precedence first, and what is wrong with them.
private struct Reader {
    let keys: [ConfigurationKey]
    private let known: [String: ConfigurationKey]
    private var found: [String: (text: String, origin: ConfigurationOrigin)] = [:]
    var problems: [String] = []

    init(keys: [ConfigurationKey]) {
        self.keys = keys
        known = Dictionary(uniqueKeysWithValues: keys.map { ($0.path, $0) })
    }

    mutating func readFile(_ path: String) {
        let text: String
        do {
            text = try ProtectedFile.read(path, what: "configuration")
        } catch {
            problems.append("\(error)")
            return
        }
        let file = ConfigurationFile(text)
        for fault in file.faults {
            problems.append("\(path)\(fault.line.map { ":\($0)" } ?? ""): \(fault.text)")
        }
        for entry in file.entries {
            take(entry.key, entry.text, .file(path: path, line: entry.line), "\(path):\(entry.line): ")
        }
    }

    mutating func readEnvironment(_ environment: [String: String]) {
        var paths: [String: String] = [:]
        for key in keys {
            paths[key.environmentName] = key.path
            if key.mayBeSecret { paths[key.environmentName + "_FILE"] = key.path + "_file" }
        }
        for (name, text) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("VEDETTE_") {
            let isOther =
                ConfigurationTable.otherVariables.contains(name)
                || name.hasPrefix(ConfigurationTable.testVariables)
            guard !isOther else { continue }
            if let path = paths[name] {
                take(path, text, .environment(name), "\(name): ")
            } else if let section = name.split(separator: "_").dropFirst().first?.lowercased(),
                let feature = ConfigurationTable.later[section]
            {
                problems.append("\(name): not in this version (\(feature))")
            } else {
                problems.append("\(name): no such key\(suggestion(for: name, among: Array(paths.keys)))")
            }
        }
    }

    mutating func readFlags(_ flags: [String: String]) {
        for (path, text) in flags.sorted(by: { $0.key < $1.key }) { take(path, text, .flag, "") }
    }

    mutating func finish() -> [ConfigurationValues.Entry] {
        var entries: [ConfigurationValues.Entry] = []
        for key in keys {
            let (text, origin) = found[key.path] ?? (key.defaultText, .defaulted)
            guard let value = key.parse(text) else {
                // A text that does not fit was reported when it was taken; this is the table's own.
                if origin == .defaulted { problems.append("\(key.path): the default \(text) does not fit") }
                continue
            }
            entries.append(.init(key: key, text: text, value: value, origin: origin))
        }
        return entries
    }

    private mutating func take(
        _ path: String,
        _ text: String?,
        _ origin: ConfigurationOrigin,
        _ place: String
    ) {
        if let key = known[path] {
            check(key, text, origin, place)
        } else if path.hasSuffix("_file"), let key = known[String(path.dropLast(5))], key.mayBeSecret {
            takeFile(key, text, origin, place)
        } else if let feature = later(path) {
            problems.append("\(place)\(path): not in this version (\(feature))")
        } else {
            problems.append("\(place)\(path): no such key\(suggestion(for: path, among: keys.map(\.path)))")
        }
    }

    private mutating func takeFile(
        _ key: ConfigurationKey,
        _ file: String?,
        _ origin: ConfigurationOrigin,
        _ place: String
    ) {
        guard let file, !file.isEmpty else {
            problems.append("\(place)\(key.path)_file: expected the name of a file")
            return
        }
        do {
            let text = try ProtectedFile.read(file, what: "\(key.path)_file")
            check(key, text.trimmingCharacters(in: .whitespacesAndNewlines), origin, place)
        } catch {
            problems.append("\(place)\(error)")
        }
    }

    private mutating func check(
        _ key: ConfigurationKey,
        _ text: String?,
        _ origin: ConfigurationOrigin,
        _ place: String
    ) {
        guard let text, key.parse(text) != nil else {
            let shown = text.map { key.mayBeSecret ? LogRedaction.redact($0) : $0 }
            let readable = shown.map { $0.isEmpty ? "nothing" : String($0.prefix(80)) } ?? "a list or section"
            problems.append("\(place)\(key.path): expected \(key.expectation), found \(readable)")
            return
        }
        // Sources are read lowest first: a later one replaces this. Within one source, `x` and `x_file`
        // contradict each other.
        if let before = found[key.path], Self.isSameSource(before.origin, origin) {
            problems.append("\(place)\(key.path): given twice, as \(key.path) and \(key.path)_file")
        }
        found[key.path] = (text, origin)
    }

    private static func isSameSource(_ one: ConfigurationOrigin, _ other: ConfigurationOrigin) -> Bool {
        switch (one, other) {
        case (.flag, .flag), (.environment, .environment), (.file, .file): true
        default: false
        }
    }

    private func later(_ path: String) -> String? {
        ConfigurationTable.later[String(path.prefix { $0 != "." })]
    }

    /// The key that was probably meant: at most two letters away.
    private func suggestion(for name: String, among names: [String]) -> String {
        guard name.utf8.count <= 64 else { return "" }
        let nearest = names.map { ($0, distance(name, $0)) }.min { $0.1 < $1.1 }
        guard let nearest, nearest.1 <= 2 else { return "" }
        return "; is \(nearest.0) meant?"
    }

    /// Levenshtein's.
    private func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one.utf8), Array(other.utf8))
        var row = Array(0...other.count)
        for (i, a) in one.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let change = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(change, row[j] + 1, diagonal + 1)
            }
        }
        return row[other.count]
    }
}
