package import HSSModel

// What a ``LiveChannel`` hears and says.

/// One customer's wait for a picture; never travels.
package struct LiveRequestID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Why a customer who asked for a picture gets none.
package enum LiveFailure: Error, Equatable, Sendable {
    case unitOffline
    /// The unit sleeps and did not wake in time.
    case unitAsleep
    /// The unit answered `PushLive` with an error (Table I.2-12).
    case refused(code: Int, message: String)
    /// The unit did not answer, or did not come back in time.
    case unitSilent
    /// The unit agreed, but no stream arrived.
    case noPublish
    case media(String)
    /// The unit's stream was larger than `max_bitrate` (Table I.2-12), and that is not long ago.
    case overBitrate
    /// The unit's stream was none that the media server carries, and that is not long ago.
    case noProgramme, noMedia, unsupportedCodec
    /// This customer watches, or may watch, as many as one may.
    case userLimit
    /// The right to watch was taken away meanwhile.
    case withdrawn
    /// Too many wait for this channel, or hold leases on it.
    case busy
}

extension LiveChannel {
    package struct Timing: Sendable {
        /// How long after the unit's yes its stream has to arrive.
        package var publish: Duration
        /// How long a customer waits at most, over retries and reconnections.
        package var request: Duration
        /// How long a push goes on after nobody wants it.
        package var linger: Duration
        /// How long a lease counts without a viewer.
        package var lease: Duration
        /// How long a channel rests whose stream the media server would not have.
        package var rest: Duration
        /// Play tickets are good for 60 s, from a moment after the lease is granted.
        static let ticket = Duration.seconds(120)

        package init(
            publish: Duration = .seconds(10),
            request: Duration = .seconds(25),
            linger: Duration = .seconds(15),
            lease: Duration = .seconds(60),
            rest: Duration = .seconds(30)
        ) {
            self.publish = publish
            self.request = request
            self.linger = linger
            self.lease = lease
            self.rest = rest
        }

        /// Between pushes of a stream that somebody still wants.
        static func retry(afterFailures failures: Int) -> Duration {
            .seconds(min(30, 1 << min(failures, 5)))
        }
    }

    package enum Link: Equatable, Sendable {
        case connected
        /// The socket is gone; a reconnect is not an offline.
        case disconnected
        case offline
        /// Powered down; comes when it is woken.
        case asleep
    }

    package enum PushOutcome: Equatable, Sendable {
        case agreed
        case refused(code: Int, message: String)
        /// No answer in time.
        case unanswered
        /// The connection ended first; the unit may or may not push.
        case lost
        /// No ingest address could be had.
        case noIngest(String)
    }

    package enum Input: Equatable, Sendable {
        /// `fresh` names the stream if this request is the one that starts it.
        case request(LiveRequestID, LeaseID, holder: UserName, fresh: StreamID)
        /// The customer no longer waits.
        case cancel(LiveRequestID)
        /// Gives back one lease, or all of the holder.
        case release(LeaseID?, holder: UserName)
        case link(Link)
        /// ``Action/rouse`` ended: the unit is logged in, or did not come in time.
        case roused(Bool)
        /// What `Keepalive` said of this channel (Table I.2-1).
        case reported(StreamID?)
        case pushed(StreamID, Epoch, PushOutcome)
        /// `StopLive` ended, however.
        case stopped(StreamID)
        case published(StreamID, Epoch)
        case unpublished(StreamID, Epoch)
        /// The media server will not have what the unit sends.
        case rejected(StreamID, Epoch, LiveFailure)
        case viewerJoined(StreamID, LeaseID, viewers: Int)
        case viewerLeft(StreamID, LeaseID, viewers: Int)
        /// Whoever waits, watches or holds a lease may no longer do so.
        case withdraw
        /// The same for one customer, wherever others go on.
        case dismiss(holder: UserName)
        /// The same for one lease: the login that it was granted to has ended.
        case revoke(LeaseID)
        case wake
    }

    package enum Action: Equatable, Sendable {
        /// Take a publish ticket for this epoch and send `PushLive`; report ``Input/pushed(_:_:_:)``.
        case push(StreamID, Epoch)
        /// Send `StopLive`; report ``Input/stopped(_:)``.
        case stop(StreamID)
        /// Wake the unit, which sleeps; report ``Input/roused(_:)``.
        case rouse
        /// End the stream at the media server.
        case close(StreamID)
        /// End the viewers of these leases there; their tickets no longer count.
        case dismiss(StreamID, [LeaseID])
        case grant(LiveRequestID, LiveLeaseGrant)
        case fail(LiveRequestID, LiveFailure)
        /// Replaces the wake before. Waking early does no harm.
        case wake(at: Instant)
    }

    /// What a granted request gets.
    package struct LiveLeaseGrant: Equatable, Sendable {
        package var stream: StreamID
        package var lease: LeaseID
    }
}
