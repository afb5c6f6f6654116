import HSSModel
import Store

extension Sample {
    static let (anna, bert) = (UserName(unchecked: "anna"), UserName(unchecked: "bert"))

    static func channel(_ unit: String, _ number: Int = 0) -> ChannelAddress {
        ChannelAddress(unit: UnitID(unchecked: unit), number: number)
    }

    static func recorded(_ unit: String, _ number: Int = 0, of owner: UserName? = nil) -> RecordedChannel {
        RecordedChannel(channel(unit, number), owner: owner)
    }

    static func time(_ milliseconds: Int64) -> WallTime { WallTime(milliseconds: milliseconds) }

    static func name(_ milliseconds: Int64) throws -> SegmentName {
        guard let name = SegmentName(start: time(milliseconds)) else {
            throw StoreError.conflict("\(milliseconds) is no start of a segment")
        }
        return name
    }

    /// Of a session on channel 0 of `unit`. Its blob has the form that blobs have: 32 hexadecimal digits.
    static func segment(
        _ start: Int64,
        _ session: String = "s1",
        unit: String = "cam",
        lasting milliseconds: Int64 = 10_000,
        size: Int64 = 1000,
        state: SegmentRowState = .saved,
        blob: Int? = nil
    ) throws -> SegmentRow {
        SegmentRow(
            session: RecordSessionID(unchecked: session),
            channel: ChannelID(unchecked: "\(unit)-0"),
            name: try name(start),
            duration: .milliseconds(milliseconds),
            size: size,
            discontinue: nil,
            blob: Self.blob(blob ?? Int(start)),
            state: state
        )
    }

    static func blob(_ number: Int) -> SegmentBlob {
        let digits = String(number, radix: 16)
        return SegmentBlob(unchecked: String(repeating: "0", count: 32 - digits.count) + digits)
    }

    /// Two users, `cam` with two channels and `den` with one.
    static func recordingHouse(in store: any PlatformStore) async throws {
        for user in [anna, bert] { try await store.add(Sample.user(user.rawValue)) }
        try await store.add(device("cam", channels: 2))
        try await store.add(device("den"))
    }

    @discardableResult
    static func begin(
        _ session: String,
        of channel: ChannelAddress = channel("cam"),
        at milliseconds: Int64 = 0,
        in store: any PlatformStore
    ) async throws -> StoredRecordSession {
        try await store.beginRecordSession(
            RecordSessionID(unchecked: session),
            of: channel,
            at: time(milliseconds)
        )
    }

    static func bind(_ unit: String, to user: UserName, in store: any PlatformStore) async throws {
        let hash = "\(unit) for \(user)"
        _ = try await store.addBindCode(
            hash: hash,
            for: user,
            expiresAt: start + .seconds(60),
            at: start,
            limit: 9
        )
        _ = try await store.redeem(codeHash: hash, for: UnitID(unchecked: unit), at: start)
    }
}
