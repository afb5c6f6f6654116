import Bus
import HSSModel
import Vm

/// How the last push of each channel ended, for whoever asks why there is no picture. Bounded: what was noted longest ago
/// is forgotten, at most ``capacity`` are kept.
struct LiveHistory {
    private let capacity: Int
    private var ends: [ChannelAddress: (end: PublisherEnd, order: UInt64)] = [:]
    private var order: UInt64 = 0

    init(capacity: Int = 20_000) {
        self.capacity = capacity
    }

    mutating func note(_ end: PublisherEnd, of channel: ChannelAddress) {
        if ends.count >= capacity, ends[channel] == nil {
            // Many at once: a look at all of them for each new one would be too much.
            let oldest = ends.values.map(\.order).sorted()[capacity / 10]
            ends = ends.filter { $0.value.order > oldest }
        }
        order += 1
        ends[channel] = (end, order)
    }

    var count: Int { ends.count }

    func lastEnd(of channel: ChannelAddress) -> PublisherEnd? { ends[channel]?.end }
}

extension LiveFailure {
    /// `nil`: the push may be tried again at once.
    init?(rejection end: MediaEnd) {
        switch end {
        case .overBitrate: self = .overBitrate
        case .noProgramme: self = .noProgramme
        case .noMedia: self = .noMedia
        case .unsupportedCodec: self = .unsupportedCodec
        case .closedByPeer, .silent, .displaced, .closedByPlatform, .dismissed, .tooSlow, .malformed,
            .closedByOperator, .publisherGone, .userLimit, .transcodingFailed, .formatChanged, .shuttingDown:
            return nil
        }
    }
}

extension LiveStatus.Activity {
    init(_ activity: LiveChannel.Activity) {
        self =
            switch activity {
            case .idle: .idle
            case .starting: .starting
            case .live: .live
            case .interrupted: .interrupted
            case .stopping: .stopping
            }
    }
}

extension LiveChannel.Link {
    init(_ state: LinkState) {
        self =
            switch state {
            case .connected: .connected
            case .disconnected: .disconnected
            case .offline: .offline
            case .asleep: .asleep
            }
    }
}
