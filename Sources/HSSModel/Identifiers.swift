/// A name that travels on a wire and into logs, file names and URLs: 1 to 64 characters of
/// `A-Z a-z 0-9 . _ : -`, so that none of these places has to escape it.
///
/// Conformers exist only for valid text; `init?` is where outside text becomes one.
package protocol TextIdentifier: RawRepresentable, Hashable, Comparable, Sendable, Codable,
    CustomStringConvertible
where RawValue == String {
    /// Trusts `unchecked`: for text that ``isValid(_:)`` has seen.
    init(unchecked: String)
}

extension TextIdentifier {
    package static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1...64).contains(bytes.count) && bytes.allSatisfy(isAllowed)
    }

    package init?(rawValue: String) {
        guard Self.isValid(rawValue) else { return nil }
        self.init(unchecked: rawValue)
    }

    package var description: String { rawValue }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Self(rawValue: text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -"
            )
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }
}

/// A premises unit: the device ID of Table 9-3 (`login_code`).
package struct UnitID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// What identifies the hardware of a unit on public access networks (`mac_id`, `macid`, `Mac-Identity`, §9.2).
///
/// Units write the same address as `00:11:22:aa:bb:cc`, `00-11-22-AA-BB-CC` or `001122aabbcc`;
/// ``canonical`` is what two spellings share.
package struct MACIdentity: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }

    package var canonical: String {
        rawValue.uppercased().filter { $0 != ":" && $0 != "-" }
    }
}

/// A channel as the registry names it, unique on the platform (§9.3.4.2).
package struct ChannelID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A live stream as the platform names it (`stream_id`, Table I.2-12).
package struct StreamID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// One customer's claim on a live stream; given back, used up or expired.
package struct LeaseID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A person who logs in: customer or operator.
package struct UserName: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A process of the platform (`node.name`).
package struct NodeName: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}
