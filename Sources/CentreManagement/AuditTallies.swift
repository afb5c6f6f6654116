import HSSModel

/// Lets the first of many entries that are alike through and counts the others: strangers decide how often they are
/// refused, and must not decide how long the audit trail gets.
struct AuditTallies {
    private struct Key: Hashable {
        var action: String
        var user: UserName?
        var address: String
    }

    private struct Tally {
        var since: Instant
        var last: AuditNote
        var more = 0
    }

    /// How long entries that are alike are counted together.
    static let window = Duration.seconds(60)
    /// Beyond it all newcomers of one action are counted as one.
    static let capacity = 1000

    private var tallies: [Key: Tally] = [:]

    /// Whether this one is to be written.
    mutating func admit(_ note: AuditNote, at now: Instant) -> Bool {
        var key = Key(action: note.action, user: note.user, address: note.address)
        if tallies[key] == nil, tallies.count >= Self.capacity {
            key = Key(action: note.action, user: nil, address: "")
        }
        guard var tally = tallies[key] else {
            tallies[key] = Tally(since: now, last: note)
            return true
        }
        tally.more += 1
        tally.last = note
        tallies[key] = tally
        return false
    }

    /// What is to be written of those that were counted, now that their time is over; with `everything` of all.
    mutating func take(at now: Instant, everything: Bool = false) -> [AuditNote] {
        let over = tallies.filter { everything || now - $0.value.since >= Self.window }
        var notes: [AuditNote] = []
        for (key, tally) in over {
            tallies[key] = nil
            guard tally.more > 0 else { continue }
            let count = "\(tally.more) more within \(Int((now - tally.since).inSeconds)) s"
            notes.append(
                AuditNote(
                    at: tally.last.at,
                    user: key.user,
                    address: key.address.isEmpty ? "several" : key.address,
                    action: key.action,
                    object: key.address.isEmpty ? "" : tally.last.object,
                    result: tally.last.result,
                    detail: count
                )
            )
        }
        return notes.sorted { ($0.at, $0.action, $0.address) < ($1.at, $1.action, $1.address) }
    }
}
