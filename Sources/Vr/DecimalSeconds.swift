/// Seconds with a fraction, as Vr writes times and lengths ("float", Tables I.3-1, I.3-4, I.3-5), to the millisecond.
package enum DecimalSeconds {
    /// What `printf("%f")` makes of the largest time has 22 characters.
    private static let longest = 32

    /// Milliseconds, rounded to the nearest. Nil for what is no number, and for numbers beyond ±10¹² seconds. Spaces
    /// around it are passed over: the example of Table I.3-1 has one (`duration= 600`).
    package static func milliseconds(parsing text: String) -> Int64? {
        let trimmed = trim(text)
        // `Double` also reads "nan", "inf" and hexadecimal.
        guard (1...longest).contains(trimmed.utf8.count), trimmed.utf8.allSatisfy(isPartOfNumber),
            let seconds = Double(trimmed), abs(seconds) <= 1e12
        else { return nil }
        return Int64((seconds * 1000).rounded())
    }

    /// As short as it can be: `1574322174`, `0.25`. For milliseconds of 0 or more.
    package static func text(milliseconds: Int64) -> String {
        let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        guard rest != 0 else { return "\(seconds)" }
        let digits = String(1000 + rest).dropFirst()
        let fraction = String(digits.reversed().drop { $0 == "0" }.reversed())
        return "\(seconds).\(fraction)"
    }

    /// A whole number in decimal digits, spaces around it passed over.
    static func integer(parsing text: String) -> Int64? {
        let trimmed = trim(text)
        guard (1...19).contains(trimmed.utf8.count),
            trimmed.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int64(trimmed)
    }

    private static func trim(_ text: String) -> Substring {
        var rest = text[...]
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return rest
    }

    private static func isPartOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default:
            false
        }
    }
}
