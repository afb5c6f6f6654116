import Bus
import HSSModel
import ServerKit
import Vm

// What a ``StreamTable`` holds under its lock.

extension StreamTable {
    struct Publisher: Sendable {
        let id: UInt64
        let stop: @Sendable (MediaEnd) -> Void
    }

    struct Viewer {
        var lease: LeaseID
        var kind: MediaProtocol
        var rendition: Rendition
        /// It is not served what the publisher sends.
        var isTranscoded: Bool
        var peer: MediaPeer
        var joinedAt: WallTime
        var stop: @Sendable (MediaEnd) -> Void
    }

    struct Publishing {
        var publisher: Publisher
        var peer: MediaPeer
        var epoch: Epoch
        var since: WallTime
        var latency: Duration
        /// Its programme tables have been seen.
        var isAnnounced = false
    }

    struct Stream {
        var hub: StreamHub
        var source: ChannelAddress?
        var epoch: Epoch
        var maxBitrate = 0
        /// ``IngestOrder/latency``
        var latency: Duration?
        var startedAt: WallTime
        var publishing: Publishing?
        var contents = StreamContents()
        var lastEnd: PublisherEnd?
        var viewers: [UInt64: Viewer] = [:]
        /// Without a publisher it is given up then.
        var keepUntil: WallTime
        /// Viewers of a publisher that left wait so long for its successor; a new ticket does not prolong it,
        /// or they would wait for ever for a unit that agrees and pushes nothing.
        var viewersWaitUntil: WallTime?
        var renditions = Renditions()
    }

    /// What is made of one stream beside the original.
    struct Renditions {
        struct Running {
            var stream: RenditionStream
            /// Nobody watches it since then.
            var idleSince: WallTime?
        }

        var running: [Rendition: Running] = [:]
        /// By those that have ended.
        var earlierSent: UInt64 = 0
        /// Not tried again before then.
        var givenUp: [Rendition: (reason: String, until: WallTime)] = [:]

        /// The one that a viewer can be handed; one that was stopped sends nothing any more.
        func current(_ rendition: Rendition) -> RenditionStream? {
            running[rendition].flatMap { $0.stream.isOver ? nil : $0.stream }
        }
    }

    struct Closed {
        var epoch: Epoch
        var until: WallTime
    }

    struct State {
        var streams: [StreamID: Stream] = [:]
        var closed: [StreamID: Closed] = [:]
        /// Leases that were taken back, for as long as one of their tickets may be shown.
        var dismissed: [LeaseID: WallTime] = [:]
        var usedTickets: UsedTickets
        var viewers = 0
        var lastID: UInt64 = 0
        var isOpen = true
        var feeds = EventFeeds()
        /// Connections that ended while the lock was held, to be told when it is free.
        var endings: [MediaEnding] = []

        mutating func nextID() -> UInt64 {
            lastID += 1
            return lastID
        }
    }
}
