import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import ServerKit
import Vd

/// Messages of §9.3.2 to one channel of a unit. Every address is there twice: without `channels/{n}` it is that of
/// channel 0, which is all that a single camera has.
extension CustomerAPI {
    func addChannelRoutes(to api: RouterGroup<PlatformContext>) {
        for path in ["devices/:id", "devices/:id/channels/:n"] {
            addPTZRoutes(to: api.group(RouterPath(path)))
            addPlayerRoutes(to: api.group(RouterPath(path)))
        }
    }

    private func addPTZRoutes(to channel: RouterGroup<PlatformContext>) {
        channel.post("ptz") { request, context in
            let caller = try context.caller()
            let body = try await decode(PTZBody.self, from: request)
            return try await answering {
                let channel = try await self.channel(context, needing: .control)
                try await units.control(
                    try body.command(on: channel.number),
                    of: channel.unit,
                    by: caller.user
                )
                return Response(status: .accepted)
            }
        }
        channel.get("presets") { _, context in
            try await answering {
                let channel = try await self.channel(context)
                let request = GetPTZPresetList(channel: channel.number)
                let list = try await units.ask(request, of: channel.unit)
                return try JSONBody.answer(PresetsBody(presets: list.presets))
            }
        }
    }

    private func addPlayerRoutes(to channel: RouterGroup<PlatformContext>) {
        channel.get("play") { _, context in
            try await answering {
                let channel = try await self.channel(context)
                let request = QueryVideoStatus(channel: channel.number)
                return try JSONBody.answer(PlayingBody(try await units.ask(request, of: channel.unit)))
            }
        }
        channel.post("play") { request, context in
            let body = try await decode(PlayBody.self, from: request)
            return try await answering {
                let channel = try await self.channel(context, needing: .control)
                switch try body.order(on: channel.number) {
                case .play(let event): try await units.tell(event, to: channel.unit)
                case .control(let event): try await units.tell(event, to: channel.unit)
                }
                return Response(status: .accepted)
            }
        }
        channel.post("keep-awake") { request, context in
            let body = try await decode(KeepAwakeBody.self, from: request)
            return try await answering {
                let channel = try await self.channel(context, needing: .control)
                _ = try await units.ask(try body.request(on: channel.number), of: channel.unit)
                return Response(status: .noContent)
            }
        }
    }
}
