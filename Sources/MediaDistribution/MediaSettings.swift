package import HSSModel

/// How the MDU runs. The composition root fills it from the configuration.
package struct MediaSettings: Sendable {
    /// `srt.encryption`.
    package enum Encryption: String, Sendable, CaseIterable {
        case off
        /// Peers without a passphrase are let in; peers with a wrong one are not.
        case optional
        case required
    }

    /// A numeric address; `::` serves IPv4 too.
    package var host = "0.0.0.0"
    /// UDP; 0 takes a free one, which ``MediaService/port`` tells.
    package var port = 8890
    /// The name in the addresses handed out (`node.domain`).
    package var domain = "localhost"
    /// Where viewers over HTTP come in (`https.port`).
    package var httpsPort = 8443
    /// How long a lost packet may hold up what follows it. 20 ms to 8 s.
    package var latency: Duration {
        get { limits.latency }
        set { limits.latency = newValue }
    }
    package var encryption = Encryption.required
    /// AES key in the addresses handed out: 16, 24 or 32 octets. A peer that chooses another one is let in too.
    package var keyLength = 16
    /// Signs tickets and makes passphrases; at least 32 octets, shared by all MDU of a platform.
    package var key: Secret
    /// Threads that move media, 1 to 16. One holds some 400 connections of 2 Mbit/s.
    package var lanes = 1
    /// The path of `vedette-codec`; `nil`: it is not there, and no pictures are made of streams.
    package var pictureProgramme: String?
    package var limits = MediaLimits()
    package var renditions = RenditionSettings()

    package init(key: Secret) {
        self.key = key
    }

    private static let latencies = Duration.milliseconds(20)...Duration.seconds(8)

    /// The nearest that a stream may have.
    static func clamped(_ latency: Duration) -> Duration {
        min(max(latency, latencies.lowerBound), latencies.upperBound)
    }

    func check() throws(MediaStartError) {
        guard (0...65_535).contains(port) else {
            throw .setting("srt.port", expected: "0 to 65535", found: "\(port)")
        }
        guard Self.latencies.contains(latency) else {
            throw .setting("srt.latency", expected: "20ms to 8s", found: "\(latency.wholeMilliseconds)ms")
        }
        guard [16, 24, 32].contains(keyLength) else {
            throw .setting("srt.key_length", expected: "128, 192 or 256", found: "\(keyLength * 8)")
        }
        guard (1...16).contains(lanes) else {
            throw .setting("srt.lanes", expected: "1 to 16", found: "\(lanes)")
        }
    }
}

/// What one MDU takes on, and for how long it waits.
package struct MediaLimits: Sendable {
    package var streams = 1000
    package var viewers = 5000
    package var viewersPerStream = 1000
    /// Handshakes of one address (IPv6: one /64) in a second, in the long run and at once.
    package var handshakesPerSecond = 50.0
    package var handshakeBurst = 200
    /// Kept of each stream since its last key frame, in octets.
    package var picturesInBytes = 8 << 20
    /// Waiting for one viewer over HTTP, in octets. What is more is skipped up to the next key frame.
    package var viewerQueueInBytes = 4 << 20
    /// Waiting for one viewer over SRT, in octets.
    package var sendBufferInBytes = 3 << 20
    /// Parts and segments kept of one stream that is watched over HLS, in octets.
    package var hlsWindowInBytes = 24 << 20
    /// What a part of HLS comes near to, in whole pictures.
    package var hlsPart: Duration = .milliseconds(250)
    /// Key frames and JPEGs that are kept for those who ask next, in octets.
    package var pictureCacheInBytes = 64 << 20
    /// Pictures that wait for `vedette-codec`.
    package var pictureQueue = 64
    /// Requests of one HLS session that wait for something to come.
    package var hlsWaitsPerSession = 8
    /// An HLS session that asks for nothing for so long is over.
    package var hlsSilence: Duration = .seconds(15)
    /// A publisher that sends nothing for so long is closed, and one that sends no programme tables.
    package var silence: Duration = .seconds(10)
    /// A viewer that takes nothing for so long is closed.
    package var slowness: Duration = .seconds(10)
    /// How long viewers wait for a publisher to come back.
    package var grace: Duration = .seconds(10)
    /// How long a rendition is made on after its last viewer has gone.
    package var renditionLinger: Duration = .seconds(10)
    /// ``MediaSettings/latency``
    var latency: Duration = .milliseconds(120)
    package var publishTicketLifetime: Duration = .seconds(60)
    package var longestPlayTicketLifetime: Duration = .seconds(3600)

    package init() {}
}

/// Why the MDU cannot start.
package enum MediaStartError: Error, CustomStringConvertible {
    case shortKey
    case setting(String, expected: String, found: String)
    case portTaken(Int)
    case socket(String)

    package var description: String {
        switch self {
        case .shortKey: "the media key is too short: expected at least 32 octets"
        case .setting(let name, let expected, let found): "\(name): expected \(expected), found \(found)"
        case .portTaken(let port): "UDP port \(port) is taken: stop what uses it or choose another srt.port"
        case .socket(let reason): "the SRT port cannot be opened: \(reason)"
        }
    }
}
