/// What is in a programme, as far as its map says (H.222.0, 2.4.4.9): for showing it, and for refusing what nobody can play.
package struct ProgramSummary: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The name under which people know the coding.
        case video(String)
        case audio(String)
        /// Coded in a way that is not private, but is not pictures or sound.
        case other
        /// A private type: sound of cameras (G.711, Opus) among others.
        case unknown
    }

    package struct Stream: Sendable, Equatable {
        package let pid: UInt16
        package let type: UInt8
        package let kind: Kind
    }

    package let clockPID: UInt16
    /// At most some 200 fit into a section.
    package let streams: [Stream]

    /// A section of a programme map without its checksum; `nil` for another table.
    package init?(_ section: [UInt8]) {
        guard let map = ProgramMap(section) else { return nil }
        clockPID = map.clockPID
        streams = map.streams.map { Stream(pid: $0.pid, type: $0.type, kind: Self.kind(ofType: $0.type)) }
    }

    /// The first pictures, by name.
    package var video: String? {
        for case .video(let name) in streams.map(\.kind) { return name }
        return nil
    }

    /// The first sound, by name; a private type may be sound and has none.
    package var audio: String? {
        for case .audio(let name) in streams.map(\.kind) { return name }
        return nil
    }

    /// There may be something to see or to hear.
    package var hasMedia: Bool { streams.contains { $0.kind != .other } }

    /// H.222.0 table 2-34, and what cameras write for G.711 where the table has no value.
    private static func kind(ofType type: UInt8) -> Kind {
        switch type {
        case 0x01, 0x02: .video("mpeg2")
        case 0x10: .video("mpeg4")
        case 0x1B: .video("h264")
        case 0x21: .video("jpeg2000")
        case 0x24: .video("h265")
        case 0x33: .video("h266")
        case 0x03, 0x04: .audio("mpeg")
        case 0x0F, 0x11: .audio("aac")
        case 0x81: .audio("ac3")
        case 0x87: .audio("eac3")
        case 0x90, 0x91: .audio("g711")
        case 0x06, 0x80...0xFF: .unknown
        default: .other
        }
    }
}
