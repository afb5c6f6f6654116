import HSSModel

/// Entries of an audit trail.
enum AuditSample {
    static let admin = UserName(unchecked: "admin")

    static func note(
        _ number: Int,
        user: UserName? = admin,
        action: String = "POST /admin/users",
        detail: String = "role=customer"
    ) -> AuditNote {
        AuditNote(
            at: Sample.start + .milliseconds(number),
            user: user,
            address: "192.0.2.1",
            action: action,
            object: "anna",
            result: .done,
            detail: detail
        )
    }

    static func notes(_ count: Int) -> [AuditNote] { (0..<count).map { note($0) } }
}
