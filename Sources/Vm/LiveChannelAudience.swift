package import HSSModel

/// Who has to do with the picture of one channel, for people and for limits.
extension LiveChannel {
    /// What the channel does.
    package enum Activity: Sendable, Equatable {
        case idle
        /// The unit was asked, and its stream is not there yet.
        case starting
        case live
        /// Wanted, but the push broke; another one follows.
        case interrupted
        case stopping
    }

    package var activity: Activity {
        switch phase {
        case .idle: .idle
        case .asked, .agreed: .starting
        case .live: .live
        case .stopping: .stopping
        case .broken: .interrupted
        }
    }

    /// Viewers at the media server.
    package var viewerCount: Int { viewers }

    /// Whose picture a lease opens.
    package func holder(of lease: LeaseID) -> UserName? { watchers[lease]?.holder }

    /// Viewers that came with one lease.
    package func viewers(of lease: LeaseID) -> Int { max(0, watchers[lease]?.viewers ?? 0) }

    /// Viewers of each customer.
    package var audience: [UserName: Int] {
        watchers.values.reduce(into: [:]) { counts, watcher in
            if watcher.viewers > 0 { counts[watcher.holder, default: 0] += watcher.viewers }
        }
    }

    /// Viewers of this customer, and what may become some: leases that are not used yet, and waits.
    package func places(of holder: UserName) -> Int {
        let watching = watchers.values.reduce(0) { $0 + ($1.holder == holder ? max(0, $1.viewers) : 0) }
        let unused = leases.values.reduce(0) { $0 + ($1.holder == holder ? 1 : 0) }
        return watching + unused + waiters.reduce(0) { $0 + ($1.holder == holder ? 1 : 0) }
    }
}
