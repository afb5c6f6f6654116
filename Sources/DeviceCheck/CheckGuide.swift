/// Where `docs/device-guide.md` says how a rule is kept: what to read where it was broken.
package enum CheckGuide {
    /// The heading of the section for a table or clause.
    package static func heading(for clause: String) -> String {
        switch clause {
        case "Table I.1", "§9.2": "1. Vs: find the signalling server (§9.3.1.1, Table I.1)"
        case "Table 9-3": "2. Vd: log in (§9.3.2, Table 9-3)"
        case "§9.3.2.1", "§9.3.2.1.1", "§9.3.2.1.2", "Table 9-4": "Messages (§9.3.2.1, Tables 9-1, 9-2)"
        case "I.2-2", "I.2-3": "3. Say hello"
        case "I.2-1": "4. Heartbeat (Table I.2-1)"
        case "I.2-12": "5. PushLive (Table I.2-12)"
        case "§9.3.3": "6. Push the picture (§9.3.3)"
        case "I.2-13": "7. StopLive (Table I.2-13)"
        case "I.2-6", "§9.3.1.3": "Reconnecting"
        default: "8. The rest of Vd"
        }
    }
}
