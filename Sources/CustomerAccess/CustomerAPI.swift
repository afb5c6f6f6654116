package import Bus
import HSSModel
import HTTPTypes
package import Hummingbird
package import Logging
package import ServerKit
import Vd

/// What the SCU does with one unit for its customers (Cs).
package typealias UnitPoint = UnitControlPoint & UnitDocumentPoint & UnitConfigurationPoint & UnitUploadPoint
    & PTZPoint

/// The customer and operator API `/api/v1` (CONTRACT.md): reference points Cc, Cs and Cm for people and programs.
///
/// Every object is checked against its caller at the moment of reading; what the caller may not see does not
/// exist for the caller.
package struct CustomerAPI: Sendable {
    package struct Settings: Sendable {
        /// Of one address, in the long run and at once (`limits.api_rate`, `limits.api_burst`).
        package var requestsPerSecond: Double
        package var burst: Int
        /// Largest JSON body in bytes (`limits.request_body`).
        package var bodySize: Int

        /// Longest silence of an event stream.
        package var eventHeartbeat = Duration.seconds(15)
        /// How often its session is checked, and its heartbeat at the latest.
        package var eventCheck = Duration.seconds(5)

        package init(requestsPerSecond: Double = 50, burst: Int = 200, bodySize: Int = 65_536) {
            self.requestsPerSecond = requestsPerSecond
            self.burst = burst
            self.bodySize = bodySize
        }
    }

    let accounts: any AccountPoint
    let devices: any DevicePoint
    let control: any ServiceControlPoint
    let units: any UnitPoint
    let media: any MediaDistributor
    let pictures: any ChannelPictures
    let activity: Activity
    private let firmware: FirmwareAccess?
    private let nodes: (any NodeControlPoint)?
    private let usage: (any UsagePoint)?
    let channels: (any ChannelSettingPoint)?
    private let upkeep: (any RecordUpkeepPoint)?
    private let recordChecks: (any RecordCheckPoint)?
    private let recordControl: (any RecordControlPoint)?
    private let recordings: (any PlaybackPoint)?
    let access: (any AccessPoint)?
    private let audit: (any AuditPoint)?
    let settings: Settings
    private let rates: RateLimitMiddleware
    let logger: Logger
    /// How long a play ticket handed out stays good.
    static let ticketTime = Duration.seconds(60)

    package init(
        accounts: any AccountPoint,
        devices: any DevicePoint,
        control: any ServiceControlPoint,
        units: any UnitPoint,
        media: any MediaDistributor,
        pictures: any ChannelPictures,
        activity: Activity,
        firmware: FirmwareAccess? = nil,
        nodes: (any NodeControlPoint)? = nil,
        usage: (any UsagePoint)? = nil,
        channels: (any ChannelSettingPoint)? = nil,
        upkeep: (any RecordUpkeepPoint)? = nil,
        recordChecks: (any RecordCheckPoint)? = nil,
        recordControl: (any RecordControlPoint)? = nil,
        recordings: (any PlaybackPoint)? = nil,
        access: (any AccessPoint)? = nil,
        audit: (any AuditPoint)? = nil,
        settings: Settings = Settings(),
        logger: Logger = Logger(label: "vedette")
    ) {
        self.accounts = accounts
        self.devices = devices
        self.control = control
        self.units = units
        self.media = media
        self.pictures = pictures
        self.activity = activity
        self.firmware = firmware
        self.nodes = nodes
        self.usage = usage
        self.channels = channels
        self.upkeep = upkeep
        self.recordChecks = recordChecks
        self.recordControl = recordControl
        self.recordings = recordings
        self.access = access
        self.audit = audit
        self.settings = settings
        rates = RateLimitMiddleware(settings)
        self.logger = logger
    }

    /// Requests of one address from now on (`limits.api_rate`, `limits.api_burst`).
    package func setRates(perSecond: Double, burst: Int) { rates.set(perSecond: perSecond, burst: burst) }

    /// Gives what it has added, for whoever holds the description to it.
    @discardableResult
    package func addRoutes(to router: Router<PlatformContext>) -> [ServedRoute] {
        let routes = MethodGuard(router)
        addDescriptionRoutes(to: routes.group("api").add(middleware: rates))
        let api = routes.group("api/v1").add(middleware: rates)
        if let audit { api.add(middleware: SessionAudit(audit, accounts: accounts, logger: logger)) }
        addSessionRoutes(to: api)
        let tickets = EventTickets()
        let known = api.add(middleware: SessionMiddleware(accounts: accounts, tickets: tickets))
        if let audit { known.add(middleware: AuditMiddleware(audit, logger: logger)) }
        addDeviceRoutes(to: known)
        addUnitRoutes(to: known)
        addBatteryRoutes(to: known)
        addChannelRoutes(to: known)
        addConfigurationRoutes(to: known)
        addAlarmRoutes(to: known)
        addEventRoutes(to: known, tickets)
        addWebhookRoutes(to: known)
        addWebhookTrialRoutes(to: known)
        addUploadedRoutes(to: known)
        addPictureRoutes(to: known)
        addOperatorRoutes(to: known)
        addStreamRoutes(to: known)
        if let recordControl { addRecordRoutes(to: known, recordControl) }
        if let recordings { addRecordingRoutes(to: known, recordings) }
        if let channels { addChannelSettingRoutes(to: known, channels) }
        if let firmware { addFirmwareRoutes(to: known, firmware) }
        if let access {
            addShareRoutes(to: known, access)
            addHouseholdRoutes(to: known, access)
            addGroupRoutes(to: known, access)
            addAccountRoutes(to: known, access)
        }
        if let usage { addUsageRoutes(to: known, usage) }
        if let upkeep { addRecordUpkeepRoutes(to: known, upkeep) }
        if let nodes { addNodeRoutes(to: known, nodes) }
        if let recordChecks { addRecordCheckRoutes(to: known, recordChecks) }
        if let audit { addAuditRoutes(to: known, audit) }
        routes.refuseOtherMethods()
        return routes.served
    }

    // MARK: Sessions

    private func addSessionRoutes(to api: RouterGroup<PlatformContext>) {
        api.post("session") { request, context in
            let body = try await decode(LoginBody.self, from: request)
            context.audit?.user = UserName(rawValue: body.user)
            return try await answering {
                let tokens = try await accounts.openSession(
                    PersonLogin(
                        user: body.user,
                        password: Secret(body.password),
                        code: body.code.map { Secret($0) },
                        scopes: try ScopeText.scopes(body.scope) ?? .all,
                        address: context.remoteAddress,
                        client: request.headers[.userAgent]
                    )
                )
                return try JSONBody.answer(TokensBody(tokens), .created)
            }
        }
        api.post("session/refresh") { request, _ in
            let body = try await decode(RefreshBody.self, from: request)
            return try await answering {
                try JSONBody.answer(TokensBody(try await accounts.refreshSession(Secret(body.refreshToken))))
            }
        }
        api.delete("session") { request, _ in
            try await answering {
                try await accounts.closeSession(access: try SessionMiddleware.token(request))
                return Response(status: .noContent)
            }
        }
    }

    // MARK: What all routes share

    func decode<Body: Decodable>(_ type: Body.Type, from request: Request) async throws -> Body {
        try await request.json(type, upTo: settings.bodySize)
    }

    /// For calls whose body may be left out: nil where the request has none.
    func decodeOptional<Body: Decodable>(_ type: Body.Type, from request: Request) async throws -> Body? {
        let length = request.headers[.contentLength].flatMap { Int($0) }
        // Some clients name a type with everything they send.
        guard length ?? (request.headers[.contentType] == nil ? 0 : 1) > 0 else { return nil }
        return try await decode(type, from: request)
    }

    /// Errors of the rooms behind become problems.
    func answering(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch let error as ManagementError {
            if case .unavailable(let reason) = error {
                // The caller only hears 503; what to do about it is for the operator.
                logger.error("a request failed because the registry did", metadata: ["reason": "\(reason)"])
            }
            throw error.problem
        } catch let error as LiveError {
            throw error.problem
        } catch let error as MediaError {
            throw error.problem
        } catch let error as UnitCallError {
            throw error.problem
        } catch let error as ActivityError {
            if case .unavailable(let reason) = error {
                logger.error("what is kept of units cannot be read", metadata: ["reason": "\(reason)"])
            }
            throw error.problem
        } catch let error as ConfigurationError {
            if case .unavailable(let reason) = error {
                logger.error("a configuration cannot be kept", metadata: ["reason": "\(reason)"])
            }
            throw error.problem
        } catch let error as RecordControlError {
            if case .unavailable(let reason) = error {
                logger.error("a recording cannot be ordered", metadata: ["reason": "\(reason)"])
            }
            throw error.problem
        } catch let error as FirmwareError {
            throw error.problem
        } catch let error as UpgradeError {
            throw error.problem
        } catch let error as UnitUploadError {
            if case .upload(.unavailable(let reason)) = error {
                logger.error("an upload cannot be handled", metadata: ["reason": "\(reason)"])
            }
            throw error.problem
        } catch let error as PictureError {
            throw error.problem
        } catch let error as RecordingError {
            throw error.problem
        } catch let error as FieldError {
            throw ManagementError.invalid(field: error.field, error.rule).problem
        }
    }

    /// One page of a list: `limit` (1 to 200, by default 50) and `cursor`, the name after which to go on.
    func page<Item, Body: Encodable>(
        _ request: Request,
        name: (Item) -> String,
        body: (Item) async -> Body,
        read: (_ after: String?, _ limit: Int) async throws -> [Item]
    ) async throws -> Response {
        let (limit, cursor) = try pageOf(request)
        // One more than asked for tells whether there is another page.
        let items = try await read(cursor, limit + 1)
        var bodies: [Body] = []
        for item in items.prefix(limit) { bodies.append(await body(item)) }
        let next = items.count > limit ? name(items[limit - 1]) : nil
        return try JSONBody.answer(PageBody(items: bodies, nextCursor: next))
    }

    /// `limit` and `cursor` of a request for a page.
    func pageOf(_ request: Request) throws -> (limit: Int, cursor: String?) {
        let limit = try limitOf(request)
        let cursor = request.uri.queryParameters["cursor"].map(String.init)
        if let cursor, !UnitID.isValid(cursor) { throw Self.wrongCursor }
        return (limit, cursor)
    }

    static let wrongCursor = ManagementError.invalid(
        field: "cursor",
        "expected the next_cursor of a page"
    )

    func limitOf(_ request: Request) throws -> Int {
        let limitText = request.uri.queryParameters["limit"].map(String.init)
        guard let limit = limitText.map({ Int($0) }) ?? 50, (1...200).contains(limit) else {
            throw ManagementError.invalid(field: "limit", "expected 1 to 200")
        }
        return limit
    }
}
