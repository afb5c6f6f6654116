import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import ServerKit
import Vr

extension CustomerAPI {
    /// `POST`, `GET` and `DELETE /admin/recordings/check`: the index of recordings against their bytes.
    func addRecordCheckRoutes(to api: RouterGroup<PlatformContext>, _ checks: any RecordCheckPoint) {
        let check = api.group("admin/recordings/check")
        check.post { request, context in
            try Self.requireOperator(context)
            let body = try await decodeOptional(RecordCheckOrder.self, from: request) ?? RecordCheckOrder()
            let names = RecordCheck.Depth.allCases.map(\.name)
            let depth = RecordCheck.Depth.allCases.first { $0.name == body.depth ?? names[0] }
            guard let depth else {
                let rule = "expected one of \(names.joined(separator: ", "))"
                throw ManagementError.invalid(field: "depth", rule).problem
            }
            do throws(RecordingError) {
                let report = try await checks.startCheck(depth: depth, repair: body.repair ?? false)
                return try Self.answer(report, .accepted)
            } catch {
                throw Problem(.conflict, type: "busy", detail: "\(error)")
            }
        }
        check.get { _, context in
            try Self.requireOperator(context)
            guard let report = await checks.lastCheck() else {
                throw Problem(.notFound, detail: "Nothing was checked since the platform started.")
            }
            return try Self.answer(report, .ok)
        }
        check.delete { _, context in
            try Self.requireOperator(context)
            await checks.stopCheck()
            return Response(status: .noContent)
        }
    }

    private static func answer(
        _ report: RecordCheckReport,
        _ status: HTTPResponse.Status
    ) throws(RecordingError) -> Response {
        do { return try JSONBody.answer(RecordCheckBody(report), status) } catch {
            throw .unavailable("the report cannot be written")
        }
    }
}

private struct RecordCheckOrder: Decodable {
    var depth: String?
    var repair: Bool?
}

extension RecordCheck.Depth {
    fileprivate var name: String {
        switch self {
        case .presence: "presence"
        case .size: "size"
        case .checksum: "checksum"
        }
    }
}

private struct RecordCheckBody: Encodable {
    struct Finding: Encodable {
        var kind: String
        var session: String?
        var segment: String?
        var channelId: String?
        var blob: String

        init(_ finding: RecordCheck.Finding) {
            kind = finding.kind
            switch finding {
            case .missing(let row), .wrongSize(let row, _), .wrongChecksum(let row), .halfDropped(let row),
                .unfinished(let row):
                session = row.session.rawValue
                segment = row.name.description
                channelId = row.channel.rawValue
                blob = row.blob.rawValue
            case .orphan(let blob): self.blob = blob.rawValue
            }
        }
    }

    var state: String
    var reason: String?
    var depth: String
    var repair: Bool
    var beganAt: String
    var endedAt: String?
    var segments: Int
    var checkedSegments: Int
    var checkedBlobs: Int
    var counts: [String: Int]
    var repaired: Int
    /// Damaged, and of a kept clip: not dropped.
    var kept: Int
    /// The first ones.
    var findings: [Finding]

    init(_ report: RecordCheckReport) {
        switch report.state {
        case .running: state = "running"
        case .finished: state = "finished"
        case .stopped: state = "stopped"
        case .failed(let text):
            state = "failed"
            reason = text
        }
        depth = report.depth.name
        repair = report.repairs
        beganAt = report.beganAt.rfc3339
        endedAt = report.endedAt?.rfc3339
        segments = report.segments
        checkedSegments = report.checkedSegments
        checkedBlobs = report.checkedBlobs
        counts = report.counts
        repaired = report.repaired
        kept = report.kept
        findings = report.findings.map(Finding.init)
    }
}
