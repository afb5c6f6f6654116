/// A key whose value is another one than what runs.
package struct ConfigurationChange: Codable, Sendable, Equatable {
    package enum Effect: String, Codable, Sendable {
        case applied
        /// It takes effect at the next start.
        case restart
    }

    package var key: String
    /// Fit to be shown: without passwords.
    package var from: String
    package var to: String
    package var effect: Effect

    package init(key: String, from: String, to: String, effect: Effect) {
        self.key = key
        self.from = from
        self.to = to
        self.effect = effect
    }
}

/// Which keys a running platform takes over, and which wait for its next start.
package enum ConfigurationReload {
    /// Whoever adds a key here applies it in `Sources/vedette/Reloader.swift`.
    package static let hotKeys: Set = [
        "log.level", "limits.api_rate", "limits.api_burst", "live.linger", "alarms.retention",
        "limits.events",
        "usage.interval", "usage.retention", "audit.retention", "limits.audit_entries",
    ]

    /// In the order of the table.
    package static func changes(
        from running: ConfigurationValues,
        to new: ConfigurationValues
    ) -> [ConfigurationChange] {
        new.entries.compactMap { entry in
            guard let old = running[entry.key.path], old.value != entry.value else { return nil }
            return ConfigurationChange(
                key: entry.key.path,
                from: old.shownText,
                to: entry.shownText,
                effect: hotKeys.contains(entry.key.path) ? .applied : .restart
            )
        }
    }
}

extension ConfigurationValues {
    /// What runs after a reload: the new values of keys that could be applied, and the old ones of all others.
    package func applying(_ new: ConfigurationValues) -> ConfigurationValues {
        var running = self
        for entry in new.entries where ConfigurationReload.hotKeys.contains(entry.key.path) {
            running.replace(entry)
        }
        return running
    }
}
