/// The life of one segment: created → uploading → uploaded → saved, or dropped by `fail` and by time (§9.3.4.1).
///
/// The two-stage rule (§9.3.4.1.3) as a table: what each event does in each state. ``RecordSession`` carries verdicts out
/// one after the other, so a request that comes while another is being made durable meets the state after it.
/// `docs/design/recording.md` has the same table; a test compares the two.
package enum SegmentLifecycle {
    package enum State: String, Sendable, CaseIterable {
        /// Never heard of, or gone without a trace.
        case absent
        /// Announced; its bytes are not there, or not all of them.
        case created
        case uploading
        /// All bytes are there and stay; it does not count yet.
        case uploaded
        /// It counts. Nothing that a unit says changes it any more.
        case saved
        /// Cleaned up, by what is written; its bytes and its row may be there for a while.
        case dropping
    }

    package enum Event: String, Sendable, CaseIterable {
        /// `create` with what was announced before, or for the first time.
        case create
        /// `create` of the same start with another size, duration or continuity.
        case createOther = "create otherwise"
        /// `save`, or the name in a `create`.
        case save
        case fail
        /// A whole `PUT`.
        case put
        /// A `PUT` that goes on where the last one broke off.
        case putRest = "put the rest"
        /// A `PUT` that begins anywhere else.
        case putElsewhere = "put elsewhere"
        /// The running upload has brought the last byte.
        case complete
        /// The running upload has ended before it.
        case broken
        /// Neither saved nor failed in time.
        case expiry
    }

    package enum Verdict: String, Sendable, CaseIterable {
        // Nothing changes.
        case nothing = "–"
        case answerDone = "200"
        case answerPlace = "200 the place"
        case answerUnwanted = "200 not wanted"
        case refuseUnknown = "404 unknown"
        case refuseDifferent = "409 announced otherwise"
        case refuseIncomplete = "409 incomplete"
        case refuseSaved = "409 saved already"
        case refuseOffset = "409 go on at"
        case refuseRemoved = "503 being removed"
        // Something does.
        /// A row is written, then the place answered.
        case begin = "→ created, 200 the place"
        case receive = "→ uploading"
        /// The newest upload wins: a unit that lost its network returns before the old socket times out.
        case displace = "→ uploading, the other ends"
        /// Bytes synced, put in place, folder synced, then 200.
        case keep = "→ uploaded, 200"
        /// What came is kept for the rest.
        case retain = "→ created, 409 incomplete"
        case save = "→ saved, 200"
        /// The row says so, then 200; then the bytes go, then the row.
        case drop = "→ dropping, 200"
    }

    package static func verdict(on event: Event, in state: State) -> Verdict {
        switch (event, state) {
        case (.create, .absent), (.createOther, .absent): .begin
        case (.create, .created), (.create, .uploading), (.create, .uploaded): .answerPlace
        case (.createOther, .created), (.createOther, .uploading), (.createOther, .uploaded): .refuseDifferent
        // The unit lost an answer and is not to send the bytes again.
        case (.create, .saved), (.createOther, .saved): .answerUnwanted
        case (.create, .dropping), (.createOther, .dropping): .refuseRemoved

        case (.save, .uploaded): .save
        case (.save, .saved): .answerDone
        case (.save, .created), (.save, .uploading): .refuseIncomplete
        case (.save, .absent), (.save, .dropping): .refuseUnknown

        case (.fail, .created), (.fail, .uploading), (.fail, .uploaded): .drop
        case (.fail, .absent), (.fail, .dropping): .answerDone
        // What was acknowledged is not lost by a late word.
        case (.fail, .saved): .refuseSaved

        case (.put, .created): .receive
        case (.put, .uploading): .displace
        case (.putRest, .created): .receive
        case (.putElsewhere, .created), (.putRest, .uploading), (.putElsewhere, .uploading): .refuseOffset
        case (.put, .uploaded), (.put, .saved), (.putRest, .uploaded), (.putRest, .saved),
            (.putElsewhere, .uploaded), (.putElsewhere, .saved):
            .answerDone
        case (.put, .absent), (.put, .dropping), (.putRest, .absent), (.putRest, .dropping),
            (.putElsewhere, .absent), (.putElsewhere, .dropping):
            .refuseUnknown

        case (.complete, .uploading): .keep
        case (.broken, .uploading): .retain
        // An upload that was displaced or dropped has nothing more to say.
        case (.complete, _), (.broken, _): .nothing

        case (.expiry, .created), (.expiry, .uploading), (.expiry, .uploaded): .drop
        case (.expiry, .absent), (.expiry, .saved), (.expiry, .dropping): .nothing
        }
    }
}
