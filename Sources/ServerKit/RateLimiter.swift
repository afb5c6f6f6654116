package import HSSModel

/// A token bucket for each key (usually a network address), in a table of bounded size.
///
/// A key that is not in the table has a full bucket. When the table is full, keys whose bucket has filled up
/// again are dropped first; if none has, everybody new shares one bucket, so that a flood from many
/// addresses is limited too and memory stays bounded.
package struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    private struct Bucket {
        var tokens: Double
        var at: Instant
    }

    private var perSecond: Double
    private var burst: Double
    private let capacity: Int
    private var buckets: [Key: Bucket] = [:]
    private var overflow: Bucket?
    /// A sweep looks at every bucket: under a flood of new keys it must not come with each of them.
    private var nextSweep: Instant?

    /// - Parameters:
    ///   - perSecond: how many a key may do in a second, in the long run.
    ///   - burst: how many it may do at once.
    ///   - capacity: keys remembered.
    package init(perSecond: Double, burst: Int, capacity: Int) {
        self.perSecond = perSecond
        self.burst = Double(burst)
        self.capacity = capacity
    }

    /// From now on; what is in the buckets stays, up to the new burst.
    package mutating func set(perSecond: Double, burst: Int) {
        self.perSecond = perSecond
        self.burst = Double(burst)
    }

    /// Takes one token of `key`. False: none is left, refuse.
    package mutating func admit(_ key: Key, at now: Instant) -> Bool {
        if var bucket = buckets[key] {
            let admitted = take(&bucket, now)
            buckets[key] = bucket
            return admitted
        }
        if buckets.count >= capacity, nextSweep.map({ $0 <= now }) ?? true {
            dropFull(at: now)
            nextSweep = now + .seconds(1)
        }
        guard buckets.count < capacity else {
            var shared = overflow ?? Bucket(tokens: burst, at: now)
            let admitted = take(&shared, now)
            overflow = shared
            return admitted
        }
        var bucket = Bucket(tokens: burst, at: now)
        let admitted = take(&bucket, now)
        buckets[key] = bucket
        return admitted
    }

    private func take(_ bucket: inout Bucket, _ now: Instant) -> Bool {
        bucket.tokens = min(burst, bucket.tokens + perSecond * max(0, (now - bucket.at).inSeconds))
        bucket.at = now
        guard bucket.tokens >= 1 else { return false }
        bucket.tokens -= 1
        return true
    }

    private mutating func dropFull(at now: Instant) {
        buckets = buckets.filter { $0.value.tokens + perSecond * (now - $0.value.at).inSeconds < burst }
    }
}
