package import HSSModel

/// What a unit shows to the platform: its device ID and login password (Table 9-3) and the identity of its
/// hardware (§9.2).
package struct UnitCredentials: Sendable, Equatable {
    package var device: UnitID
    package var macIdentity: MACIdentity
    package var password: Secret

    package init(device: UnitID, macIdentity: MACIdentity, password: Secret) {
        self.device = device
        self.macIdentity = macIdentity
        self.password = password
    }
}

extension UnitCredentials {
    /// More units than one process has file descriptors for.
    package static let mostUnits = 100_000

    /// Reads a list with a line `device_id mac_id password` for each unit. Empty lines and those that start
    /// with `#` do not count. A device that stands twice would displace itself for ever and is refused.
    package static func list(parsing text: String) throws(UnitSetupError) -> [UnitCredentials] {
        var units: [UnitCredentials] = []
        var devices: Set<UnitID> = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.first?.hasPrefix("#") ?? true { continue }
            guard words.count == 3 else {
                throw .credentials(line: index + 1, "expected 'device_id mac_id password'")
            }
            guard let device = UnitID(rawValue: String(words[0])) else {
                throw .credentials(line: index + 1, "device_id: expected 1 to 64 of A-Z a-z 0-9 . _ : -")
            }
            guard let mac = MACIdentity(rawValue: String(words[1])) else {
                throw .credentials(line: index + 1, "mac_id: expected 1 to 64 of A-Z a-z 0-9 . _ : -")
            }
            guard devices.insert(device).inserted else {
                throw .credentials(line: index + 1, "device \(device) stands twice")
            }
            guard units.count < mostUnits else {
                throw .credentials(line: index + 1, "at most \(mostUnits) units")
            }
            let password = Secret(String(words[2]))
            units.append(UnitCredentials(device: device, macIdentity: mac, password: password))
        }
        guard !units.isEmpty else { throw .credentials(line: 1, "no unit in it") }
        return units
    }

    /// `count` units that share a password. `%d` in the texts stands for the number of the unit, 1 for the
    /// first, `%06d` for six digits of it; without either the number is put behind the text with a hyphen,
    /// unless there is one unit only.
    package static func numbered(
        device: String,
        macIdentity: String,
        password: Secret,
        count: Int
    ) throws(UnitSetupError) -> [UnitCredentials] {
        guard (1...mostUnits).contains(count) else {
            throw .option("count", "expected 1 to \(mostUnits), found \(count)")
        }
        var units: [UnitCredentials] = []
        for number in 1...count {
            let deviceText = numbered(device, number, isOnly: count == 1)
            let macText = numbered(macIdentity, number, isOnly: count == 1)
            guard let device = UnitID(rawValue: deviceText) else {
                throw .option("device", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -")
            }
            guard let mac = MACIdentity(rawValue: macText) else {
                throw .option("mac", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -")
            }
            units.append(UnitCredentials(device: device, macIdentity: mac, password: password))
        }
        return units
    }

    private static func numbered(_ text: String, _ number: Int, isOnly: Bool) -> String {
        guard let mark = text.firstIndex(of: "%") else { return isOnly ? text : "\(text)-\(number)" }
        let rest = text[text.index(after: mark)...]
        guard let end = rest.firstIndex(of: "d"), let width = end == rest.startIndex ? 0 : Int(rest[..<end]),
            (0...20).contains(width)
        else { return text }
        let digits = String(number)
        let zeros = String(repeating: "0", count: max(0, width - digits.count))
        return text[..<mark] + zeros + digits + rest[rest.index(after: end)...]
    }
}

/// Why units cannot be started. For the person at the command line.
package enum UnitSetupError: Error, Equatable, CustomStringConvertible {
    case credentials(line: Int, String)
    case option(String, String)
    /// The file of `--ca` or `--video`.
    case file(String, String)

    package var description: String {
        switch self {
        case .credentials(let line, let problem): "credentials, line \(line): \(problem)"
        case .option(let name, let problem): "\(name): \(problem)"
        case .file(let path, let problem): "\(path): \(problem)"
        }
    }
}
