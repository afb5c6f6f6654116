import TestSupport
import Testing

@testable import Vd

private func document(_ text: String) throws -> ConfigurationDocument {
    try ConfigurationDocument(JSONObject(parsing: Array(text.utf8)))
}

private func text(_ document: ConfigurationDocument?) -> String? {
    document.map { String(decoding: $0.object.bytes, as: UTF8.self) }
}

@Suite("Configuration, Tables I.2-19 to I.2-21") struct ConfigurationTests {
    /// "Units in the field also write channls: accept it, write channels".
    @Test func channlsIsAccepted() throws {
        let read = try document(#"{"channls":{"0":{"on":true}},"led":false}"#)
        #expect(read.flag("on", channel: 0) == true)
        #expect(text(read) == #"{"channels":{"0":{"on":true}},"led":false}"#)
    }

    @Test(arguments: [
        (#"{"channels":{},"channls":{}}"#, "channls"),
        (#"{"channels":{"01":{}}}"#, "channels.01"),
        (#"{"channels":{"256":{}}}"#, "channels.256"),
        (#"{"channels":{"0":7}}"#, "channels.0"),
        (#"{"channels":{"0":{"image":7}}}"#, "channels.0.image"),
        (#"{"channels":{"0":{"alarms":{"io":[]}}}}"#, "channels.0.alarms.io"),
        (#"{"channels":{"3":{"alarms":{"io":{"sensitivity":101}}}}}"#, "channels.3.alarms.io.sensitivity"),
        (
            #"{"channels":{"0":{"switch_schedule":{"start_time":"24:00:00"}}}}"#,
            "channels.0.switch_schedule.start_time"
        ),
        (
            #"{"channels":{"0":{"switch_schedule":{"repeat":["Mon","Mon"]}}}}"#,
            "channels.0.switch_schedule.repeat"
        ),
        (#"{"extension":{"a":1,"a":2}}"#, "extension"),
        (#"{"auto_reboot":{"end":"1:00:00"}}"#, "auto_reboot.end"),
    ]) func namesTheFieldThatBreaksARule(text: String, field: String) throws {
        let object = try JSONObject(parsing: Array(text.utf8))
        #expect(#expect(throws: FieldError.self) { try ConfigurationDocument(object) }?.field == field)
    }

    /// The table of rules and the schema: the same fields, and the same of them read only.
    @Test func theTableKeepsTheSchema() throws {
        func leaves(_ schema: Schema, _ prefix: String = "") throws -> [String: Bool] {
            var found: [String: Bool] = [:]
            for (name, node) in schema.properties where name != "channels" {
                let property = try schema.with(node)
                if property.properties.isEmpty {
                    found[prefix + name] = property.node["readOnly"] == .flag(true)
                } else {
                    found.merge(try leaves(property, "\(prefix)\(name).")) { $1 }
                }
            }
            return found
        }
        let folder = try SchemaFolder()
        func table(_ fields: [ConfigurationField]) -> [String: Bool] {
            Dictionary(uniqueKeysWithValues: fields.map { ($0.name, !$0.isWritable) })
        }
        #expect(try leaves(folder.schema("configuration.json")) == table(ConfigurationField.ofUnit))
        #expect(
            try leaves(folder.schema("configuration.json", "/$defs/channel"))
                == table(ConfigurationField.ofChannel)
        )
    }

    /// The manufacturer's own is the same however it is written, and bounded.
    @Test func theExtensionIsKeptInOneForm() throws {
        let read = try document(#"{"extension": { "b" : [1.50, null, {"d":1,"c":"\u00e4 \""}] , "a":true }}"#)
        #expect(read == (try document(#"{"extension":{"a":true,"b":[1.50,null,{"c":"\u00e4 \"","d":1}]}}"#)))
        #expect(read != (try document(#"{"extension":{"a":true}}"#)))
        let long = try JSONObject(
            parsing: Array(#"{"extension":"\#(String(repeating: "x", count: 4095))"}"#.utf8)
        )
        #expect(#expect(throws: FieldError.self) { try ConfigurationDocument(long) }?.field == "extension")
    }

    @Test func aScheduleIsKeptInTheOrderOfTheWeek() throws {
        let read = try document(#"{"channels":{"0":{"switch_schedule":{"repeat":["Sun","Mon"]}}}}"#)
        #expect(read.list("switch_schedule.repeat", channel: 0) == ["Mon", "Sun"])
    }

    // MARK: Desired and reported

    /// "SetConfig changes only what it names": what differs, and never what is read only.
    @Test func theDifferenceNamesWhatHasToChange() throws {
        let reported = try document(
            #"{"channels":{"0":{"video_encoding":{"quality":"hd","fps":25},"image":{"horflip":false}}},"led":true}"#
        )
        let desired = try document(
            #"{"channels":{"0":{"video_encoding":{"quality":"hd","fps":30},"image":{"horflip":true}}},"tz":8}"#
        )
        #expect(
            text(desired.difference(from: reported))
                == #"{"channels":{"0":{"image":{"horflip":true}}},"tz":8}"#
        )
        #expect(reported.difference(from: reported) == nil)
        #expect(
            #expect(throws: FieldError.self) { try desired.checkWritable() }?.field
                == "channels.0.video_encoding.fps"
        )
    }

    @Test func fieldsStandUnderTheirPaths() throws {
        let read = try document(#"{"led":true,"channels":{"2":{"image":{"verflip":true}},"0":{"on":false}}}"#)
        #expect(read.fields.map(\.path.description) == ["channels.0.on", "channels.2.image.verflip", "led"])
        #expect(read.channels == [0, 2])
        for field in read.fields {
            let path = try #require(ConfigurationPath(parsing: field.path.description))
            #expect(path == field.path)
            let single = try ConfigurationDocument(path, field.value)
            #expect(single.fields.count == 1 && single[path] == field.value)
        }
    }

    @Test(arguments: [
        "", ".", "channels", "channels.0", "channels.256.on", "channels.00.on", "channels.0.led", "on", "LED",
    ])
    func otherPathsAreNone(text: String) {
        #expect(ConfigurationPath(parsing: text) == nil)
    }

    @Test(arguments: [
        ("led", ConfigurationValue.number(1)), ("tz", .number(15)), ("no_such", .flag(true)),
        ("extension", .json("{")), ("extension", .json(#"1},"led":{}"#)),
        ("auto_reboot.start", .text("9:00")),
    ]) func whatBreaksARuleIsNotSet(name: String, value: ConfigurationValue) throws {
        var changed = ConfigurationDocument()
        #expect(throws: FieldError.self) { try changed.set(value, at: ConfigurationPath(name)) }
        #expect(changed.isEmpty)
    }

    /// A unit that takes the difference reports what is desired, in whatever pieces it takes it.
    @Test func theDifferenceLeadsToWhatIsDesired() throws {
        let schema = try SchemaFolder().schema("configuration.json")
        for seed in UInt64(0)..<60 {
            var random = SeededGenerator(seed: seed)
            func some() throws -> ConfigurationDocument {
                try ConfigurationDocument(JSONObject(parsing: schema.good(using: &random).bytes))
            }
            var (unit, desired) = (try some(), try some())
            for field in desired.fields where ConfigurationField.at(field.path)?.isWritable == false {
                try desired.set(nil, at: field.path)
            }
            let change = try #require(desired.difference(from: unit), "seed \(seed)")
            #expect(unit.merging(change).difference(from: unit) == change, "seed \(seed)")
            for field in change.fields.shuffled(using: &random) {
                unit = unit.merging(try ConfigurationDocument(field.path, field.value))
            }
            #expect(desired.difference(from: unit) == nil, "seed \(seed)")
        }
    }
}
