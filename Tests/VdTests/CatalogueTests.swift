import Foundation
import TestSupport
import Testing

@testable import Vd

private let seeds = UInt64(0)..<10

/// A body of the catalogue: its type, its schema, its fields.
private struct Body: CustomTestStringConvertible, Sendable {
    let message: String
    let part: String
    let type: any VdBody.Type

    var testDescription: String { "\(message) \(part)" }

    static let all: [Body] = VdCatalogue.messages.flatMap { entry in
        [Body(message: entry.name, part: "params", type: entry.type)]
            + (entry.answer.map { [Body(message: entry.name, part: "result", type: $0)] } ?? [])
    }

    func schema() throws -> Schema { try SchemaFolder().schema("\(message).json", "/$defs/\(part)") }

    func decode(_ value: JSON) throws -> any VdBody { try type.init(JSONObject(parsing: value.bytes)) }
}

extension VdBody {
    /// For values whose type a test does not know.
    fileprivate func isEqual(_ other: any VdBody) -> Bool { self == other as? Self }
    fileprivate var isReadAgain: Bool { (try? Self(object)) == self }
}

@Suite("The 32 messages of Table 9-4: types, schemas and catalogue say the same") struct CatalogueTests {
    @Test func everyMessageStandsInAllThree() throws {
        let folder = try SchemaFolder()
        let listed = try #require(try folder.document("catalogue.json")["messages"]?.elements)
        #expect(listed.count == 32)
        #expect(VdCatalogue.messages.count == 32)
        for (entry, message) in zip(VdCatalogue.messages, listed) {
            #expect(message["name"]?.text == entry.name)
            #expect(message["field_name"]?.text == entry.deployedName)
            #expect(message["table"]?.text == "I.2-\(entry.table)")
            #expect(message["kind"]?.text == (entry.kind == .event ? "event" : "rpc"))
            let direction = entry.direction == .toUnit ? "platform-to-pu" : "pu-to-platform"
            #expect(message["direction"]?.text == direction)
        }
        let documents: Set = ["catalogue.json", "configuration.json", "capabilities.json"]
        #expect(folder.names == Set(VdCatalogue.messages.map { "\($0.name).json" }).union(documents))
    }

    /// Required, type, enum, min, max and maxLength are those of the catalogue; where it is silent a schema may
    /// be narrower.
    @Test(arguments: Body.all) fileprivate func schemaKeepsTheCatalogue(body: Body) throws {
        let schema = try body.schema()
        let messages = try #require(try SchemaFolder().document("catalogue.json")["messages"]?.elements)
        let message = try #require(messages.first { $0["name"]?.text == body.message })
        if let document = message[body.part]?.text {
            #expect(schema.file == document)
        } else {
            try compare(schema, with: try #require(message[body.part]?.elements))
        }
    }

    private func compare(_ schema: Schema, with fields: [JSON]) throws {
        #expect(Set(schema.properties.keys) == Set(fields.compactMap { $0["name"]?.text }))
        for field in fields {
            let name = try #require(field["name"]?.text)
            let property = try schema.with(try #require(schema.properties[name]))
            #expect(schema.required.contains(name) == (field["required"] == .flag(true)), "\(name)")
            #expect(property.node["type"] == field["type"], "\(name)")
            for (ours, theirs) in [("enum", "enum"), ("minimum", "min"), ("maxLength", "maxLength")] {
                if let rule = field[theirs] { #expect(property.node[ours] == rule, "\(name) \(ours)") }
            }
            if let most = field["max"] { #expect(property.node["maximum"] == most, "\(name)") }
            if let items = field["items"]?.elements {
                try compare(property.with(try #require(property.node["items"])), with: items)
            }
        }
    }

    /// What a schema allows the type reads, keeps and writes again.
    @Test(arguments: Body.all) fileprivate func goodValuesPass(body: Body) throws {
        let schema = try body.schema()
        for seed in seeds {
            var random = SeededGenerator(seed: seed)
            let good = try schema.good(using: &random)
            let value = try body.decode(good)
            #expect(value.isReadAgain, "seed \(seed)")
            let written = try JSON(parsing: value.object.bytes)
            #expect(try schema.allows(written), "seed \(seed): \(written)")
            #expect(covers(written, good, at: body.message), "seed \(seed): \(good) became \(written)")
        }
    }

    /// What a schema does not allow the type refuses, and names the field.
    @Test(arguments: Body.all) fileprivate func brokenRulesAreRefused(body: Body) throws {
        let schema = try body.schema()
        for seed in seeds {
            var random = SeededGenerator(seed: seed)
            var good = try schema.good(using: &random)
            // `stop` takes any value.
            if body.message == CtrlPTZ.name {
                good = .object(["channel": .integer(0), "op": .text("up"), "value": .integer(7)])
            }
            for (value, path) in try schema.broken(good).shuffled(using: &random).prefix(100) {
                let object = try JSONObject(parsing: value.bytes)
                let error = #expect(throws: FieldError.self, "seed \(seed): \(value)") {
                    try body.type.init(object)
                }
                // The days of a schedule are one field.
                let field = path.prefix { $0 != "[" || !path.contains("repeat[") }
                #expect(
                    error.map { $0.field == path || $0.field == field } ?? false,
                    "seed \(seed): \(value): \(String(describing: error))"
                )
            }
        }
    }

    /// "A null value is the same as an absent one"; "unknown fields are ignored".
    @Test(arguments: Body.all) fileprivate func nullIsAbsentAndUnknownIsIgnored(body: Body) throws {
        let schema = try body.schema()
        for seed in seeds {
            var random = SeededGenerator(seed: seed)
            let good = try schema.good(using: &random)
            var more = good
            more["no_such_field"] = .object(["channel": .integer(-1)])
            #expect(try body.decode(good).isEqual(body.decode(more)))
            for name in schema.properties.keys {
                var (null, absent) = (good, good)
                null[name] = .null
                absent[name] = nil
                if schema.required.contains(name) {
                    let object = try JSONObject(parsing: null.bytes)
                    let error = #expect(throws: FieldError.self) { try body.type.init(object) }
                    #expect(error?.field == name)
                } else if body.message != CtrlPTZ.name {
                    #expect(try body.decode(null).isEqual(body.decode(absent)))
                }
            }
        }
    }

    /// Whatever bytes come, a message is read or refused.
    @Test(arguments: Body.all) fileprivate func hostileBytesDoNotTrap(body: Body) throws {
        let schema = try body.schema()
        for seed in seeds {
            var random = SeededGenerator(seed: seed)
            let bytes = try schema.good(using: &random).bytes
            for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 50)) {
                #expect(throws: (any Error).self) { try JSONObject(parsing: Array(bytes[..<length])) }
            }
            for _ in 0..<20 {
                var changed = bytes
                for _ in 0...Int.random(in: 0..<4, using: &random) where !changed.isEmpty {
                    let place = Int.random(in: 0..<changed.count, using: &random)
                    changed[place] = Array(#"{}[]",:0-9aen\u"#.utf8).randomElement(using: &random) ?? 0
                }
                guard let object = try? JSONObject(parsing: changed), let value = try? body.type.init(object)
                else {
                    continue
                }
                #expect(value.isReadAgain, "\(String(decoding: changed, as: UTF8.self))")
            }
        }
    }

    /// No address or token shows in what is printed of a message.
    @Test(arguments: Body.all) fileprivate func secretsDoNotShow(body: Body) throws {
        let schema = try body.schema()
        for name in ["url", "cbk_url", "pic_upload_url", "hb_token"] where schema.properties[name] != nil {
            var random = SeededGenerator(seed: 1)
            var good = try schema.good(using: &random)
            good[name] = .text("hidden")
            let value = try body.decode(good)
            var dumped = ""
            dump(value, to: &dumped)
            #expect(!"\(value) \(String(reflecting: value)) \(dumped)".contains("hidden"))
        }
    }

    /// Whether `written` holds everything that `good` says. Empty text says nothing; `stop` needs no value.
    private func covers(_ written: JSON?, _ good: JSON, at path: String) -> Bool {
        switch (written, good) {
        case (nil, .text("")), (nil, .object([:])): true
        case (nil, .object(let fields)): fields.allSatisfy { covers(nil, $1, at: path) }
        case (nil, .integer): path == "CtrlPTZ.value"
        case (.object(let left)?, .object(let right)):
            right.allSatisfy { covers(left[$0], $1, at: "\(path).\($0)") }
        case (.array(let left)?, .array(let right)) where path.hasSuffix(".repeat"): Set(left) == Set(right)
        case (.array(let left)?, .array(let right)):
            left.count == right.count && zip(left, right).allSatisfy { covers($0, $1, at: path) }
        default: written == good || (written?.double != nil && written?.double == good.double)
        }
    }
}

@Suite("Names of units in the field, field_name of the catalogue") struct DialectTests {
    @Test(arguments: VdCatalogue.messages.map(\.name)) func everyNameGoesThereAndBack(name: String) {
        for dialect in [Dialect.recommendation, .deployed] {
            #expect(dialect.name(ofWire: dialect.wireName(of: name)) == name)
            #expect(dialect.name(ofWire: name) == name)
        }
        #expect(Dialect.recommendation.wireName(of: name) == name)
    }

    /// One table of names: no other code knows them. (`SyncTime` is a field of Vs too.)
    @Test func noOtherCodeKnowsTheNames() throws {
        let sources = SchemaFolder.path.appending(path: "../../Sources").standardizedFileURL
        let names = VdCatalogue.messages.filter { $0.deployedName != $0.name }.map(\.deployedName)
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var read = 0
        for case let url as URL in files
        where url.pathExtension == "swift" && !url.path().hasSuffix("/Vd/Catalogue.swift") {
            let text = try String(contentsOf: url, encoding: .utf8)
            for name in names where name != "SyncTime" {
                #expect(!text.contains("\"\(name)\""), "\(url.path()) writes \(name)")
            }
            read += 1
        }
        #expect(read > 100)
    }

    @Test func theDeviceSDKNamesNineOtherwise() {
        let renamed = VdCatalogue.messages.filter { Dialect.deployed.wireName(of: $0.name) != $0.name }
        #expect(
            renamed.map { Dialect.deployed.wireName(of: $0.name) } == [
                "SyncTime", "DevInfo", "LivePublish", "LiveStop", "StartCloudRecord", "StopCloudRecord",
                "AudioOutPlay",
                "AudioOutCtrl", "AudioOutQuery",
            ]
        )
    }
}
