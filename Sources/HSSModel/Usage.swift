/// What was carried: for a channel, or for somebody, over a day or more.
package struct UsageAmounts: Sendable, Equatable {
    /// Octets that units sent, as the media server received them.
    package var ingestBytes: Int64 = 0
    /// How long units sent.
    package var liveTime: Duration = .zero
    /// Octets that went to viewers.
    package var deliveredBytes: Int64 = 0
    /// Of all viewers together: two that watch for a minute make two minutes.
    package var viewerTime: Duration = .zero

    package init() {}

    package init(
        ingestBytes: Int64 = 0,
        liveTime: Duration = .zero,
        deliveredBytes: Int64 = 0,
        viewerTime: Duration = .zero
    ) {
        self.ingestBytes = ingestBytes
        self.liveTime = liveTime
        self.deliveredBytes = deliveredBytes
        self.viewerTime = viewerTime
    }

    package static func += (amounts: inout UsageAmounts, more: UsageAmounts) {
        amounts.ingestBytes += more.ingestBytes
        amounts.liveTime += more.liveTime
        amounts.deliveredBytes += more.deliveredBytes
        amounts.viewerTime += more.viewerTime
    }
}

/// One line of a report of a media server: what one channel sent, or what one lease watched of it.
package struct UsageLine: Sendable, Equatable {
    package enum Side: Sendable, Hashable {
        /// The unit pushed.
        case sent
        /// Somebody watched; nil where it is not known who.
        case watched(UserName?)
    }

    package var channel: ChannelAddress
    package var side: Side
    package var bytes: Int64
    package var time: Duration

    package init(channel: ChannelAddress, side: Side, bytes: Int64, time: Duration) {
        self.channel = channel
        self.side = side
        self.bytes = bytes
        self.time = time
    }

    /// For the owner of the channel.
    package var amounts: UsageAmounts {
        switch side {
        case .sent: UsageAmounts(ingestBytes: bytes, liveTime: time)
        case .watched: UsageAmounts(deliveredBytes: bytes, viewerTime: time)
        }
    }
}

/// What is added to the accounts at once.
package struct UsageBooking: Sendable, Equatable {
    /// The run of the media server that counted it.
    package var run: String
    /// Grows by one with each report of a run; a report that comes twice counts once.
    package var number: Int64
    package var day: CalendarDay
    package var lines: [UsageLine]

    package init(run: String, number: Int64, day: CalendarDay, lines: [UsageLine]) {
        self.run = run
        self.number = number
        self.day = day
        self.lines = lines
    }
}

/// A channel's use on one day.
package struct ChannelUsage: Sendable, Equatable {
    package var channel: ChannelAddress
    package var day: CalendarDay
    package var amounts: UsageAmounts

    package init(channel: ChannelAddress, day: CalendarDay, amounts: UsageAmounts) {
        self.channel = channel
        self.day = day
        self.amounts = amounts
    }

    /// Where a page goes on behind it.
    package struct Place: Sendable, Equatable {
        package var channel: ChannelAddress
        package var day: CalendarDay

        package init(channel: ChannelAddress, day: CalendarDay) {
            self.channel = channel
            self.day = day
        }
    }

    package var place: Place { Place(channel: channel, day: day) }
}

/// Use over some days, by one thing.
package struct UsageTotal: Sendable, Equatable {
    package enum Grouping: String, Sendable, CaseIterable {
        case user, device, day
    }

    /// The user, device or day. Nil: what belongs to no user, because nobody owned the device then.
    package var name: String?
    /// Of the user's own channels; of the device; of everybody.
    package var amounts: UsageAmounts
    /// What the user watched, of whichever device. Only where users are told apart.
    package var watchedBytes: Int64 = 0
    package var watchedTime: Duration = .zero

    package init(
        name: String?,
        amounts: UsageAmounts,
        watchedBytes: Int64 = 0,
        watchedTime: Duration = .zero
    ) {
        self.name = name
        self.amounts = amounts
        self.watchedBytes = watchedBytes
        self.watchedTime = watchedTime
    }
}
