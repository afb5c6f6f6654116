/// Names that nobody can guess, because they are part of what opens something: 128 random bits in hexadecimal.
package enum RandomName {
    package static func make(_ prefix: String = "") -> String {
        var generator = SystemRandomNumberGenerator()
        return prefix + [generator.next(), generator.next()].map { padded($0) }.joined()
    }

    private static func padded(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
