import HSSModel
import Vd

/// A file that the device sent with `PUT`.
package struct CheckUpload: Sendable, Equatable {
    /// Last part of its path.
    package var name: String
    package var type: String?
    package var sizeInBytes: Int
    /// At most 16 octets.
    package var head: [UInt8]

    package init(name: String, type: String?, sizeInBytes: Int, head: [UInt8]) {
        self.name = name
        self.type = type
        self.sizeInBytes = sizeInBytes
        self.head = head
    }
}

/// What a stream has shown of what a player needs.
package struct StreamSight: Sendable, Equatable {
    /// PAT and PMT.
    package var hasTables: Bool
    /// `H.264` or `H.265`; nil: the tables name no other.
    package var video: String?
    package var hasKeyFrame: Bool
    /// PCR.
    package var hasClock: Bool

    package init(hasTables: Bool, video: String?, hasKeyFrame: Bool, hasClock: Bool) {
        self.hasTables = hasTables
        self.video = video
        self.hasKeyFrame = hasKeyFrame
        self.hasClock = hasClock
    }

    /// In the order in which a player needs them.
    var missing: [String] {
        [
            hasTables ? nil : "the tables (PAT, PMT)",
            video != nil ? nil : "H.264 or H.265 in the tables",
            hasKeyFrame ? nil : "a key frame",
            hasClock ? nil : "its clock (PCR)",
        ].compactMap(\.self)
    }
}

/// What the device did, in order, with its times: what every verdict is made of.
struct CheckMemory: Sendable {
    enum Occurrence: Sendable, Equatable {
        /// Vs was asked; `problem` where the request breaks a rule, `hasHeader`: `Mac-Identity` was there.
        case scheduling(problem: String?, hasHeader: Bool)
        case login(UnitLoginURL)
        case loginRefused(String)
        case request(RPCRequest)
        case event(RPCEvent)
        /// To the n-th request of the step that runs.
        case answer(Int, CallOutcome)
        /// `byDevice`: this side did not want it.
        case closed(byDevice: Bool)
        case uploaded(CheckUpload)
        case fetched(String)
        case streamBegan(StreamID)
        case streamSeen(StreamID, StreamSight)
        case streamEnded(StreamID)
    }

    struct Entry: Sendable {
        var time: Instant
        var what: Occurrence
    }

    /// A device that never stops talking must not fill the memory: the older half is forgotten.
    private static let mostEntries = 16_384
    /// A connection that held for so long was a success, and the count of attempts starts anew.
    static let steadyAfter = Duration.seconds(30)

    let settings: CheckSettings
    private(set) var journal: [Entry] = []
    private var stepStart = 0
    private(set) var stepBegan = Instant(nanoseconds: 0)
    /// What `GetCap` told; nil: nothing yet.
    private(set) var capabilities: Capabilities?
    /// With error 101.
    private(set) var pushWasRefused = false
    /// Rules of the envelope that were broken at any time, each once.
    private(set) var problems: [(clause: String, what: String)] = []
    /// The newest thing that came and was no part of Vs, Vd or Vm: a hint where nothing else came.
    private(set) var trouble: String?
    /// The same of the SRT port, since the step began.
    private(set) var mediaTrouble: String?
    /// What `GetConfig` told; nil: nothing yet.
    private(set) var configuration: ConfigurationDocument?

    /// The host's time when the check began.
    private let begin: (instant: Instant, wall: WallTime)

    init(_ settings: CheckSettings, at now: Instant, wall: WallTime) {
        self.settings = settings
        begin = (now, wall)
    }

    func wall(at instant: Instant) -> WallTime { begin.wall + (instant - begin.instant) }

    mutating func beginStep(at now: Instant) {
        stepStart = journal.count
        stepBegan = now
        mediaTrouble = nil
    }

    mutating func note(_ what: Occurrence, at now: Instant) {
        if journal.count == Self.mostEntries {
            journal.removeFirst(Self.mostEntries / 2)
            stepStart = max(0, stepStart - Self.mostEntries / 2)
        }
        journal.append(Entry(time: now, what: what))
    }

    /// What one answer says for all that follows.
    mutating func learn(_ method: String, _ outcome: CallOutcome) {
        switch (method, outcome) {
        case (GetCap.name, .answered(.success(let object))):
            capabilities = (try? Capabilities(object)) ?? capabilities
        case (GetConfig.name, .answered(.success(let object))):
            configuration = (try? ConfigurationDocument(object)) ?? configuration
        case (PushLive.name, .answered(.failure(let failure))):
            pushWasRefused = pushWasRefused || failure.code == 101
        default: break
        }
    }

    mutating func noteProblem(_ clause: String, _ what: String) {
        guard problems.count < 100, !problems.contains(where: { $0.clause == clause }) else { return }
        problems.append((clause, what))
    }

    mutating func noteTrouble(_ what: String) { trouble = what }

    mutating func noteMediaTrouble(_ what: String) { mediaTrouble = what }

    // MARK: What a step looks at

    /// Since the step began.
    var recent: ArraySlice<Entry> { journal[stepStart...] }

    func answer(_ index: Int) -> CallOutcome? {
        for entry in recent {
            if case .answer(index, let outcome) = entry.what { return outcome }
        }
        return nil
    }

    var logins: [(time: Instant, url: UnitLoginURL)] { Self.logins(in: journal[...]) }

    var recentLogins: [(time: Instant, url: UnitLoginURL)] { Self.logins(in: recent) }

    private static func logins(in entries: ArraySlice<Entry>) -> [(time: Instant, url: UnitLoginURL)] {
        entries.compactMap { entry in
            if case .login(let url) = entry.what { (entry.time, url) } else { nil }
        }
    }

    /// Heartbeats that keep the rules of their table.
    var heartbeats: [(time: Instant, body: Keepalive)] { Self.heartbeats(in: journal[...]) }

    var recentHeartbeats: [(time: Instant, body: Keepalive)] { Self.heartbeats(in: recent) }

    private static func heartbeats(in entries: ArraySlice<Entry>) -> [(time: Instant, body: Keepalive)] {
        entries.compactMap { entry in
            guard case .request(let request) = entry.what, request.method == Keepalive.name else {
                return nil
            }
            return (try? Keepalive(request.parameters)).map { (entry.time, $0) }
        }
    }

    /// How long after the answer to the first request of the step `what` came; nil where one of them did not.
    func delay(from answer: Int, to what: Occurrence) -> Duration? {
        let answered = recent.first { if case .answer(answer, _) = $0.what { true } else { false } }
        guard let answered, let then = recent.first(where: { $0.what == what }) else { return nil }
        return max(.zero, then.time - answered.time)
    }

    func sight(of stream: StreamID) -> StreamSight? {
        for entry in journal.reversed() {
            if case .streamSeen(stream, let sight) = entry.what { return sight }
        }
        return nil
    }

    func upload(_ name: String) -> CheckUpload? {
        for entry in recent {
            if case .uploaded(let upload) = entry.what, upload.name == name { return upload }
        }
        return nil
    }

    /// The lowest channel that is online, 0 where no heartbeat tells.
    var channel: Int {
        heartbeats.last?.body.channels.filter { $0.state == .online }.map(\.number).min() ?? 0
    }

    /// One that the device does not have; nil: it has all 256.
    var missingChannel: Int? {
        let known = Set(heartbeats.last?.body.channels.map(\.number) ?? [])
        return (0...ChannelAddress.highestNumber).last { !known.contains($0) }
    }

    func url(_ name: String) -> Secret { Secret("\(settings.base)\(name)") }

    /// What a device answered, for the report: its first 160 letters, without the addresses and secrets of this check.
    func shown(_ answer: JSONObject) -> String {
        guard answer != .empty else { return "success" }
        var text = String(decoding: answer.bytes.prefix(4096), as: UTF8.self)
        for secret in [
            settings.base, settings.passphrase.reveal(), settings.password.reveal(), settings.ticket.reveal(),
        ]
        where !secret.isEmpty {
            text.replace(secret, with: "…")
        }
        return text.count <= 160 ? text : text.prefix(160) + "…"
    }
}
