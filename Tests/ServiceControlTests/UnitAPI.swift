import Bus
import CustomerAccess
import Foundation
import HSSModel
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import ServerKit
import ServiceControl
import Testing

/// The customer API in front of a bench's SCU: a call goes from HTTP to the unit's socket and back. `anna` owns
/// `cam-1`, `carl` may only watch it, `root` is the operator.
struct UnitAPI {
    struct Answer: Equatable {
        var status: Int
        /// Members in alphabetical order; empty where there is no body.
        var json: String
        var type: String?
    }

    private let application: Application<RouterResponder<PlatformContext>>

    init(_ bench: SignallingBench) {
        let people = People()
        let router = Router(context: PlatformContext.self)
        router.add(middleware: ProblemMiddleware())
        CustomerAPI(
            accounts: people,
            devices: people,
            control: bench.service,
            units: bench.service,
            media: bench.media,
            pictures: NoPictures(),
            activity: NoActivity.point,
            recordControl: bench.service
        ).addRoutes(to: router)
        application = Application(responder: router.buildResponder())
    }

    /// `call` is a method and what follows `/api/v1`.
    func send(_ call: String, _ body: String? = nil, as user: String = "anna") async throws -> Answer {
        let words = call.split(separator: " ")
        let token = "Bearer \(user)"
        let headers: HTTPFields =
            body == nil
            ? [.authorization: token] : [.authorization: token, .contentType: "application/json"]
        let method = try #require(HTTPRequest.Method(String(words[0])))
        return try await application.test(.router) { client in
            try await client.execute(
                uri: "/api/v1" + words[1],
                method: method,
                headers: headers,
                body: body.map { ByteBuffer(string: $0) }
            ) { response in
                Answer(
                    status: response.status.code,
                    json: try Self.sorted(String(buffer: response.body)),
                    type: response.headers[.contentType]
                )
            }
        }
    }

    static func sorted(_ json: String) throws -> String {
        guard json.hasPrefix("{") else { return json }
        let value = try JSONSerialization.jsonObject(with: Data(json.utf8))
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
        return String(
            decoding: try JSONSerialization.data(withJSONObject: value, options: options),
            as: UTF8.self
        )
    }
}

/// The centre as these calls need it: who asks, and what that person may do with `cam-1`.
private struct People: AccountPoint, DevicePoint {
    func principal(access: Secret) async throws(ManagementError) -> Principal {
        guard let user = UserName(rawValue: access.reveal()) else { throw .unauthenticated }
        return Principal(user: user, role: user.rawValue == "root" ? .operator : .customer)
    }

    func device(_ id: String, visibleTo caller: Principal) async throws(ManagementError) -> VisibleDevice {
        let rights: Rights? =
            switch caller.user.rawValue {
            case "anna", "root": .owner
            case "carl": [.live]
            default: nil
            }
        guard id == "cam-1" || id == "cam-2", let rights else { throw .notFound("this device") }
        let time = WallTime(milliseconds: 0)
        let device = DeviceRecord(
            unit: UnitID(unchecked: id),
            macIdentity: MACIdentity(unchecked: SignallingBench.mac1),
            name: id,
            channels: [0: ChannelID(unchecked: "\(id)-0"), 1: ChannelID(unchecked: "\(id)-1")],
            disabled: false,
            owner: SignallingBench.anna,
            firmwareModel: nil,
            lastSeen: nil,
            createdAt: time
        )
        return VisibleDevice(device: device, rights: rights)
    }

    // MARK: Not needed here

    func openSession(_ login: PersonLogin) async throws(ManagementError) -> SessionTokens { throw .forbidden }
    func refreshSession(_ refresh: Secret) async throws(ManagementError) -> SessionTokens { throw .forbidden }
    func closeSession(access: Secret) async throws(ManagementError) { throw .forbidden }
    func addUser(
        _ name: String,
        password: Secret,
        role: Role,
        by caller: Principal
    ) async throws(ManagementError) -> UserRecord { throw .forbidden }
    func users(
        after: UserName?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [UserRecord] { throw .forbidden }
    func setUser(
        _ name: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> UserRecord { throw .forbidden }
    func devices(
        after: UnitID?,
        limit: Int,
        visibleTo caller: Principal
    ) async throws(ManagementError) -> [VisibleDevice] { throw .forbidden }
    func issueBindCode(for caller: Principal) async throws(ManagementError) -> BindCode { throw .forbidden }
    func unbind(_ id: String, by caller: Principal) async throws(ManagementError) { throw .forbidden }
    func addDevice(
        _ device: NewDevice,
        by caller: Principal
    ) async throws(ManagementError) -> EnrolledDevice { throw .forbidden }
    func allDevices(
        after: UnitID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [DeviceRecord] { throw .forbidden }
    func setDevice(
        _ id: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> DeviceRecord { throw .forbidden }
    func removeDevice(_ id: String, by caller: Principal) async throws(ManagementError) { throw .forbidden }
}
