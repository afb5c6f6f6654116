package import Bus
package import HSSModel
import Vm

// What customers and operators ask of the SCU.

extension SignallingService: ServiceControlPoint, LiveAudience {
    package func presence(of units: [UnitID]) async -> [UnitID: UnitPresence] {
        var known: [UnitID: UnitPresence] = [:]
        for unit in units { known[unit] = self.units.presence(of: unit) }
        let recorded = await recorder?.recording(on: units) ?? []
        for unit in units { known[unit]?.markRecording(recorded, of: unit) }
        return known
    }

    package func sessions(after: UnitID?, limit: Int) async -> [UnitSession] {
        var sessions = units.sessions(after: after, limit: limit)
        let recorded = await recorder?.recording(on: sessions.map(\.unit)) ?? []
        for index in sessions.indices {
            sessions[index].presence.markRecording(recorded, of: sessions[index].unit)
        }
        return sessions
    }

    package func startLive(
        _ channel: ChannelAddress,
        for user: UserName
    ) async throws(LiveError) -> LiveLease {
        if let registration = units.registration(of: channel.unit),
            registration.channels[channel.number] == nil
        {
            throw .noSuchChannel(channel)
        }
        if let state = units.presence(of: channel.unit)?.channels.first(where: { $0.number == channel.number }
        )?.state,
            state != .online
        {
            throw .channelUnavailable(channel, state)
        }
        do {
            return try await director.start(channel, for: user)
        } catch {
            throw explain(error, channel)
        }
    }

    package func stopLive(_ channel: ChannelAddress, lease: LeaseID?, for user: UserName) async {
        await director.stop(channel, lease: lease, for: user)
    }

    package func liveStatus(of channel: ChannelAddress) async -> LiveStatus {
        await director.status(of: channel)
    }

    package func holders(of leases: [LeaseID], on stream: StreamID) async -> [LeaseID: UserName] {
        await director.holders(of: leases, on: stream)
    }

    package func dismiss(_ user: UserName, from channel: ChannelAddress) async -> Bool {
        await director.dismiss(user, from: channel)
    }

    package func watches() async -> [LiveWatch] { await director.watches() }

    package func revoke(_ lease: LeaseID, of channel: ChannelAddress) async {
        await director.revoke(lease, of: channel)
    }

    package func withdraw(_ user: UserName) async {
        await director.withdraw(user)
    }

    package func disconnect(_ unit: UnitID) async {
        await director.withdraw(unit)
        await recorder?.withdraw(unit)
        units.disconnect(unit, because: "the device was disabled, removed or given new credentials")
    }

    /// The device was given up or removed: nothing is wanted of its configuration any more, nor of its recordings.
    package func forgetWishes(of unit: UnitID) async {
        await configurations.withdraw(unit)
        await recorder?.forget(unit)
    }

    /// The device is about to get an owner, or to lose one.
    package func ownerChanges(of unit: UnitID) async {
        await recorder?.ownerChanges(of: unit)
    }

    private func explain(_ failure: LiveFailure, _ channel: ChannelAddress) -> LiveError {
        switch failure {
        case .unitOffline: .unitOffline(channel.unit)
        case .unitAsleep: .unitAsleep(channel.unit)
        case .refused(let code, let message): .refusedByUnit(code: code, message: message)
        case .unitSilent: .unitSilent(channel.unit)
        case .noPublish: .noPublish(channel.unit, after: services.settings.live.publish)
        case .media(let reason): .media(reason)
        case .overBitrate: .overBitrate(channel, limit: services.settings.maxBitrate)
        case .noProgramme: .unusable(channel, .noProgramme)
        case .noMedia: .unusable(channel, .noMedia)
        case .unsupportedCodec: .unusable(channel, .unsupportedCodec)
        case .userLimit: .userLimit(services.settings.viewersPerUser)
        case .withdrawn: .withdrawn(channel)
        case .busy: .busy("customers that wait for channel \(channel)")
        }
    }
}

extension UnitPresence {
    /// A heartbeat may name a session that nobody here knows: recorded is what the platform has recorded.
    fileprivate mutating func markRecording(_ recorded: Set<ChannelAddress>, of unit: UnitID) {
        for index in channels.indices {
            let channel = ChannelAddress(unit: unit, number: channels[index].number)
            channels[index].recording = recorded.contains(channel)
        }
    }
}
