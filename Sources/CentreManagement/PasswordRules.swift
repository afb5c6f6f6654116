import HSSModel

/// What a password of a person must not be (NIST SP 800-63B, 3.1.1.2: a length, and none of those that everybody tries
/// first; no kinds of characters, no date of change).
enum PasswordRules {
    static let length = 8...128
    static let longestInBytes = 1024

    /// Nil: it may be taken.
    static func objection(to password: Secret, of user: UserName) -> String? {
        let text = password.reveal()
        guard length.contains(text.count), text.utf8.count <= longestInBytes else {
            return "expected \(length.lowerBound) to \(length.upperBound) characters"
        }
        let plain = text.lowercased()
        guard plain != user.rawValue.lowercased() else { return "expected another word than the user name" }
        guard !worst.contains(plain) else {
            return "expected a password that is not among those that everybody tries first"
        }
        return nil
    }

    /// Those of at least eight characters that head every list of leaked passwords.
    private static let worst: Set<String> = [
        "00000000", "11111111", "88888888", "99999999", "12345678", "123456789", "1234567890", "12345678910",
        "0123456789", "987654321", "9876543210",
        "87654321", "123123123", "112233445566", "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "1qaz2wsx3edc",
        "q1w2e3r4", "q1w2e3r4t5", "qwertyui", "qwertyuiop", "qwerty12", "qwerty123", "qwerty1234",
        "qwertz12", "qwertz123", "azertyuiop", "asdfghjk", "asdfghjkl", "zxcvbnm1", "zxcvbnm123", "password",
        "password1", "password12", "password123", "password1234", "passw0rd", "p@ssw0rd", "p@ssword",
        "passwort", "passwort1", "passwort123", "motdepasse", "contraseña", "iloveyou", "iloveyou1",
        "sunshine", "princess", "princess1", "football", "football1", "baseball", "superman", "starwars",
        "trustno1", "whatever", "welcome1", "welcome123", "letmein1", "letmein123", "changeme", "changeme1",
        "changeme123", "admin123", "admin1234", "administrator", "surveillance", "abcd1234", "abc12345",
        "abcdefgh", "a1b2c3d4", "aa123456", "11223344", "computer", "internet", "michelle", "jennifer",
        "default1", "secret123", "hallo123", "schatz123",
    ]
}
