import Foundation
import HSSModel

/// One key of the configuration: what may stand there, what stands there when nobody says anything.
package struct ConfigurationKey: Sendable {
    package enum Kind: Sendable {
        /// Any text, up to ``longestText`` bytes.
        case text
        case port
        case count(ClosedRange<Int>)
        case duration(ClosedRange<Duration>)
        /// In bytes.
        case size(ClosedRange<Int>)
        case truth
        case choice([String])
        /// Names out of a set, separated by commas, or `all`.
        case names([String])
        /// A URL of one of these schemes; what others are for is said in the error.
        case url(schemes: [String], later: [String])
    }

    package enum Value: Sendable, Equatable {
        case text(String), number(Int), duration(Duration), truth(Bool), names([String])
    }

    package static let longestText = 1024

    /// `section.name`.
    package let path: String
    package let kind: Kind
    package let defaultText: String
    /// One line for the sample and the documentation.
    package let meaning: String
    /// Its value may carry a password: shown without it, and `<path>_file` names a file with the value.
    package let mayBeSecret: Bool

    package init(
        _ path: String,
        _ kind: Kind,
        default defaultText: String,
        _ meaning: String,
        mayBeSecret: Bool = false
    ) {
        self.path = path
        self.kind = kind
        self.defaultText = defaultText
        self.meaning = meaning
        self.mayBeSecret = mayBeSecret
    }

    /// `VEDETTE_HTTPS_PORT` for `https.port`.
    package var environmentName: String { Self.environmentName(path) }

    package static func environmentName(_ path: String) -> String {
        "VEDETTE_" + path.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    /// What is allowed, after "expected".
    package var expectation: String {
        switch kind {
        case .text: "text of at most \(Self.longestText) bytes in one line"
        case .port: "a port, 0 to 65535"
        case .count(let range): "a whole number, \(range.lowerBound) to \(range.upperBound)"
        case .duration(let range):
            "\(Quantity.text(range.lowerBound)) to \(Quantity.text(range.upperBound))"
        case .size(let range):
            "\(Quantity.text(bytes: range.lowerBound)) to \(Quantity.text(bytes: range.upperBound))"
        case .truth: "true or false"
        case .choice(let words): words.count > 1 ? "one of " + words.joined(separator: ", ") : words[0]
        case .names(let names): "all, or some of " + names.joined(separator: ", ")
        case .url(let schemes, let later):
            schemes.map { "\($0):…" }.joined(separator: " or ")
                + (later.isEmpty
                    ? ""
                    : " (\(later.map { "\($0):" }.joined(separator: ", ")) not in this version)")
        }
    }

    /// Nil: `text` is not what ``expectation`` says.
    package func parse(_ text: String) -> Value? {
        guard text.utf8.count <= Self.longestText else { return nil }
        switch kind {
        case .text:
            return text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } ? .text(text) : nil
        case .port: return Quantity.number(text, in: 0...65_535).map { .number($0) }
        case .count(let range): return Quantity.number(text, in: range).map { .number($0) }
        case .duration(let range):
            guard let duration = Quantity.duration(text), range.contains(duration) else { return nil }
            return .duration(duration)
        case .size(let range):
            guard let bytes = Quantity.bytes(text), range.contains(bytes) else { return nil }
            return .number(bytes)
        case .truth: return text == "true" ? .truth(true) : text == "false" ? .truth(false) : nil
        case .choice(let words): return words.contains(text) ? .text(text) : nil
        case .names(let names):
            if text == "all" { return .names(names) }
            let chosen = text.split(separator: ",", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            let known = chosen.allSatisfy(names.contains)
            return known && Set(chosen).count == chosen.count ? .names(chosen) : nil
        case .url(let schemes, _):
            let isKnown = schemes.contains { text.hasPrefix("\($0):") }
            return isKnown && !text.contains("\n") ? .text(text) : nil
        }
    }
}
