package import Bus
package import HSSModel
import Store
import Vr

/// What the SCU asks of the storage.
extension RecordStorage: RecordSessionPoint {
    package func runningSessions() async throws(RecordingError) -> [RunningRecordSession] {
        _ = try await asked { () throws(StoreError) in
            try await self.stores.sessions.endForeignRecordSessions(at: self.clock.now().clock)
        }
        var found: [RunningRecordSession] = []
        var last: RecordSessionID?
        while true {
            let after = last
            let page = try await asked { () throws(StoreError) in
                try await self.stores.sessions.runningRecordSessions(after: after, limit: 500)
            }
            found += page.map(RunningRecordSession.init)
            guard let end = page.last else { return found }
            last = end.id
        }
    }

    package func begin(
        _ session: RecordSessionID,
        of channel: ChannelAddress
    ) async throws(RecordingError) -> RunningRecordSession {
        RunningRecordSession(
            try await asked { () throws(StoreError) in
                try await self.stores.sessions.beginRecordSession(
                    session,
                    of: channel,
                    at: self.clock.now().clock
                )
            }
        )
    }

    package func address(
        of session: RecordSessionID,
        secure: Bool
    ) async throws(RecordingError) -> Secret {
        let stored = try await asked { () throws(StoreError) in
            try await self.stores.sessions.recordSession(session)
        }
        guard let stored else { throw .notFound("record session \(session)") }
        guard let origin = secure ? settings.origins.secure : settings.origins.plain else {
            throw .conflict("the unit records over http only, and 'http.port' is off")
        }
        let address = RecordAddress(channel: stored.channelID, session: session)
        guard let url = address.url(at: origin, key: key) else {
            throw .conflict(
                "the recording address is longer than \(RecordAddress.longest) bytes; shorten 'node.domain'"
            )
        }
        return url
    }

    package func end(_ session: RecordSessionID, at time: WallTime) async throws(RecordingError) {
        try await asked { () throws(StoreError) in
            try await self.stores.sessions.endRecordSession(session, at: time)
        }
    }

    private func asked<Value: Sendable>(
        _ body: () async throws(StoreError) -> Value
    ) async throws(RecordingError) -> Value {
        do throws(StoreError) { return try await body() } catch {
            switch error {
            case .notFound(let what): throw .notFound(what)
            case .conflict(let what): throw .conflict(what)
            default: throw .unavailable("\(error)")
            }
        }
    }
}

extension RunningRecordSession {
    fileprivate init(_ stored: StoredRecordSession) {
        self.init(id: stored.id, channel: stored.recorded.channel, begunAt: stored.begunAt)
    }
}
