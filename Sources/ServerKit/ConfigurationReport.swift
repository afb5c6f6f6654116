/// The configuration as text: what is in force, the sample, and the reference.
package enum ConfigurationReport {
    /// `vedette config print`: one line a key, with its origin.
    package static func effective(_ values: ConfigurationValues) -> String {
        let width = values.entries.map { $0.key.path.count + $0.shownText.count + 2 }.max() ?? 0
        return values.entries.map { entry in
            let pair = "\(entry.key.path): \(entry.shownText)"
            let gap = String(repeating: " ", count: min(60, width) - min(60, width, pair.count) + 2)
            return "\(pair)\(gap)# \(entry.origin)\n"
        }.joined()
    }

    /// `Config/vedette.yaml`: every key at its default.
    package static func sample(_ keys: [ConfigurationKey] = ConfigurationTable.keys) -> String {
        var text = """
            # Vedette: every key at its default. Only what differs needs to be in your file.
            # Each key can be set by an environment variable too: VEDETTE_HTTPS_PORT for https.port.
            # flag > environment > file > default. 'vedette config check FILE' checks, 'config print' shows.
            # Durations: 120ms, 10s, 15m, 2h, 7d. Sizes: 16KiB, 8MiB. Addresses: one IPv4 address or one IPv6 /64.

            """
        var section = ""
        for key in keys {
            let parts = key.path.split(separator: ".")
            let name = String(parts[0])
            if name != section {
                section = name
                text += "\n# \(ConfigurationTable.sections[name] ?? name).\n"
                if parts.count > 1 { text += "\(name):\n" }
            }
            let indent = parts.count > 1 ? "  " : ""
            text += "\(indent)# \(key.meaning)\(note(key))\n"
            text += "\(indent)\(parts[parts.count - 1]): \(quoted(key.defaultText))\n"
        }
        return text
    }

    /// `docs/configuration.md`.
    package static func reference(_ keys: [ConfigurationKey] = ConfigurationTable.keys) -> String {
        var text = """
            # Configuration

            Made from the table in `Sources/ServerKit/ConfigurationTable.swift`; a test keeps it true. flag >
            environment > file > default. An unknown key, a wrong type and a value out of range are errors, all
            reported at once. Keys marked ¹ may hold a password: `<key>_file` names a file with the value instead.

            | key | environment | default | allowed | meaning |
            |---|---|---|---|---|

            """
        for key in keys {
            let mark = key.mayBeSecret ? " ¹" : ""
            let value = key.defaultText.isEmpty ? "empty" : "`\(key.defaultText)`"
            text += "| `\(key.path)`\(mark) | `\(key.environmentName)` | \(value) | \(key.expectation) "
            text += "| \(key.meaning) |\n"
        }
        return text
    }

    private static func note(_ key: ConfigurationKey) -> String {
        switch key.kind {
        case .choice, .count, .duration, .size: " (\(key.expectation))"
        default: ""
        }
    }

    private static func quoted(_ text: String) -> String {
        text.isEmpty ? "\"\"" : text.hasSuffix(":") ? "\"\(text)\"" : text
    }
}
