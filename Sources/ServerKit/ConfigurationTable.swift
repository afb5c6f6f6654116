/// Every key that this version understands, in the order of the sample.
package enum ConfigurationTable {
    package static let roles = ["cmu", "scu", "mdu"]

    package static let keys: [ConfigurationKey] =
        node + listeners + units + transcoding + recording + retention + platform + limits + [
            ConfigurationKey(
                "log.level",
                .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
                default: "info",
                "The least level that is written to standard error."
            ),
            ConfigurationKey(
                "log.format",
                .choice(["text", "json"]),
                default: "text",
                "text: for people; json: one object a line."
            ),
        ]

    /// Keys of the contract whose feature this version does not have, by key or by section.
    package static let later: [String: String] = [
        "stun": "STUN", "turn": "TURN",
        "scanner": "the scanner system", "uplink": "ONVIF Uplink",
    ]

    /// Environment variables that begin like keys and are none.
    package static let otherVariables: Set = [
        "VEDETTE_ADMIN_PASSWORD", "VEDETTE_PASSWORD", "VEDETTE_SESSION", "VEDETTE_SEED",
    ]
    package static let testVariables = "VEDETTE_TEST_"

    /// What a section is about, for the sample.
    package static let sections: [String: String] = [
        "node": "This node",
        "roles": "What this node does",
        "tls": "Certificate of all TLS listeners; read again at 'vedette config reload' (SIGHUP)",
        "https": "Vs, the customer API and media over HTTP; HTTP/1.1 and HTTP/2",
        "http": "The same without TLS, for units that cannot",
        "vd": "Signalling with premises units (Vd)",
        "hibernation": "Battery units that sleep",
        "srt": "Media from units and to viewers (Vm)",
        "live": "Live viewing",
        "transcoding": "Renditions of live pictures, made by ffmpeg for those who ask for them",
        "recording": "What units record",
        "store": "Database",
        "blobs": "Files: what is too large for the database",
        "pictures": "The latest picture of each channel",
        "alarms": "Alarms and events of units",
        "usage": "Accounts of what was carried for whom",
        "audit": "Who did what: the trail of 'vedette admin audit'",
        "webhooks": "Places of others that hear events",
        "bus": "How roles reach each other",
        "metrics": "Figures and health, without TLS: keep it away from strangers",
        "limits": "What strangers are granted; at each bound the newcomer is refused",
        "log": "Log, on standard error",
    ]

    private static let node = [
        ConfigurationKey("node.name", .text, default: "", "Name in the cluster; empty: the host's name."),
        ConfigurationKey(
            "node.domain",
            .text,
            default: "localhost",
            "Name or address in everything handed out, and in the certificate."
        ),
        ConfigurationKey("node.data", .text, default: "./var", "Data folder."),
        ConfigurationKey(
            "roles",
            .names(roles),
            default: "all",
            "all: a part of them (of cmu, scu, mdu) needs a bus between nodes, which is not in this version."
        ),
        ConfigurationKey(
            "tls.certificate",
            .text,
            default: "",
            "PEM file, the server's certificate first; empty: an own authority and certificate under <data>/tls."
        ),
        ConfigurationKey("tls.key", .text, default: "", "PEM file of its key, mode 0600."),
    ]

    private static let listeners = [
        ConfigurationKey(
            "https.host",
            .text,
            default: "0.0.0.0",
            "Address to listen on; \"::\" for IPv6 too."
        ),
        ConfigurationKey("https.port", .port, default: "8443", "TCP port."),
        ConfigurationKey("http.port", .port, default: "0", "TCP port; 0: off."),
    ]

    private static let units = [
        ConfigurationKey("vd.port", .port, default: "8444", "TCP port for wss; 0: off."),
        ConfigurationKey("vd.plain_port", .port, default: "0", "TCP port for ws; 0: off."),
        ConfigurationKey(
            "vd.keepalive",
            .duration(.seconds(1) ... .seconds(3600)),
            default: "10s",
            "How often units report."
        ),
        ConfigurationKey(
            "vd.offline_after",
            .duration(.seconds(2) ... .seconds(86_400)),
            default: "60s",
            "Silence after which a unit counts as offline; more than vd.keepalive."
        ),
        ConfigurationKey(
            "vd.rpc_timeout",
            .duration(.seconds(1) ... .seconds(120)),
            default: "20s",
            "How long a unit may take to answer."
        ),
        ConfigurationKey(
            "vd.deployed_names",
            .truth,
            default: "true",
            "Serve the older names that deployed units use (/ovc, /ovp/getServerAddr) too."
        ),
        ConfigurationKey(
            "vd.signed_login",
            .choice(["optional", "required"]),
            default: "optional",
            "required: units have to sign their logins (or show a certificate); passwords are refused."
        ),
        ConfigurationKey(
            "vd.client_ca",
            .text,
            default: "",
            "PEM file with the authorities whose certificates units may show; empty: none. Read again at SIGHUP."
        ),
        ConfigurationKey(
            "hibernation.port",
            .port,
            default: "0",
            "TCP port where units that sleep keep in touch, without TLS; 0: off."
        ),
        ConfigurationKey(
            "hibernation.wake_timeout",
            .duration(.seconds(1) ... .seconds(60)),
            default: "15s",
            "How long a call waits for a unit that was told to wake."
        ),
        ConfigurationKey("srt.port", .port, default: "8890", "UDP port; 0: off."),
        ConfigurationKey(
            "srt.latency",
            .duration(.milliseconds(20) ... .seconds(8)),
            default: "120ms",
            "Time for repeating what was lost."
        ),
        ConfigurationKey(
            "srt.encryption",
            .choice(["off", "optional", "required"]),
            default: "required",
            "AES with a passphrase of its own for every stream."
        ),
        ConfigurationKey(
            "srt.key_length",
            .choice(["128", "192", "256"]),
            default: "128",
            "AES key in bits, in the addresses handed out."
        ),
        ConfigurationKey(
            "live.linger",
            .duration(.zero ... .seconds(3600)),
            default: "15s",
            "How long a unit goes on pushing after its last viewer has gone."
        ),
        ConfigurationKey(
            "live.silence",
            .duration(.seconds(2) ... .seconds(300)),
            default: "10s",
            "Silence after which a push counts as broken."
        ),
        ConfigurationKey(
            "live.grace",
            .duration(.zero ... .seconds(300)),
            default: "10s",
            "How long viewers wait for a push that broke to come again."
        ),
        ConfigurationKey(
            "live.hls_part",
            .duration(.milliseconds(100) ... .seconds(1)),
            default: "250ms",
            "Length of the parts of HLS, in whole pictures: shorter ones come earlier and cost viewers more requests."
        ),
        ConfigurationKey(
            "live.max_bitrate",
            .count(0...Int(Int32.max)),
            default: "0",
            "The most that a unit may push for one channel, in bit/s, on average over 10 s; 0: no limit."
        ),
    ]

    private static let transcoding = [
        ConfigurationKey(
            "transcoding.cpu_percent",
            .count(0...100),
            default: "50",
            "The most that renditions may take of all processors; 0: there are none."
        ),
        ConfigurationKey(
            "transcoding.processes",
            .count(0...1000),
            default: "16",
            "Renditions made at a time."
        ),
        ConfigurationKey(
            "transcoding.small_width",
            .count(64...1920),
            default: "640",
            "The small rendition fits into this width and height, and is never larger than the original."
        ),
        ConfigurationKey("transcoding.small_height", .count(64...1080), default: "360", "Its height."),
        ConfigurationKey(
            "transcoding.small_frame_rate",
            .count(1...60),
            default: "10",
            "Its pictures per second at most."
        ),
        ConfigurationKey(
            "transcoding.small_bitrate",
            .count(50_000...8_000_000),
            default: "400000",
            "Of its pictures, in bit/s."
        ),
        ConfigurationKey(
            "transcoding.ffmpeg",
            .text,
            default: "",
            "Path of ffmpeg; empty: it is looked for in /usr/local/bin, /usr/bin and /bin."
        ),
    ]

    private static let platform = [
        ConfigurationKey(
            "store.url",
            .url(schemes: ["sqlite"], later: ["postgres"]),
            default: "sqlite:",
            "sqlite:PATH; without a path vedette.sqlite in the data folder.",
            mayBeSecret: true
        ),
        ConfigurationKey(
            "blobs.url",
            .url(schemes: ["file"], later: ["s3"]),
            default: "file:",
            "file:PATH for pictures and logs of units; without a path the folder blobs in the data folder."
        ),
        ConfigurationKey(
            "blobs.reserve",
            .size(0...(1 << 50)),
            default: "256MiB",
            "Free space to leave on that disk; uploads are refused below it."
        ),
        ConfigurationKey(
            "pictures.keep_every",
            .duration(.zero ... .seconds(86_400)),
            default: "10m",
            "How often a picture of each running stream is kept as its channel's last; 0: only at the end of streams."
        ),
        ConfigurationKey(
            "pictures.codec",
            .text,
            default: "",
            "The programme vedette-codec, which makes pictures of streams; empty: beside vedette."
        ),
        ConfigurationKey(
            "alarms.retention",
            .duration(.seconds(3600) ... .seconds(3650 * 86_400)),
            default: "30d",
            "How long alarms with their pictures, and events, are kept."
        ),
        ConfigurationKey(
            "usage.interval",
            .duration(.seconds(1) ... .seconds(3600)),
            default: "10s",
            "How often what was carried is booked: what a crash of the platform loses at most."
        ),
        ConfigurationKey(
            "usage.retention",
            .duration(.seconds(86_400) ... .seconds(3650 * 86_400)),
            default: "400d",
            "How long the accounts of what was carried are kept."
        ),
        ConfigurationKey(
            "audit.retention",
            .duration(.seconds(86_400) ... .seconds(3650 * 86_400)),
            default: "400d",
            "How long entries of the audit trail are kept; limits.audit_entries bounds it too."
        ),
        ConfigurationKey(
            "webhooks.allow_http",
            .truth,
            default: "false",
            "Webhooks may have http addresses: what is told can be read on the way."
        ),
        ConfigurationKey(
            "webhooks.allow_private",
            .truth,
            default: "false",
            "Webhooks may lead into private networks, to this machine too: only where every user is trusted."
        ),
        ConfigurationKey(
            "webhooks.ca",
            .text,
            default: "",
            "PEM file with authorities that webhooks' certificates may come from, beside those of the system."
        ),
        ConfigurationKey(
            "bus.url",
            .url(schemes: ["local"], later: ["nats"]),
            default: "local:",
            "local: everything in this process.",
            mayBeSecret: true
        ),
        ConfigurationKey("metrics.host", .text, default: "127.0.0.1", "Address to listen on."),
        ConfigurationKey(
            "metrics.port",
            .port,
            default: "9090",
            "TCP port of /metrics, /healthz and /readyz; 0: off."
        ),
    ]

    static func count(
        _ name: String,
        _ range: ClosedRange<Int>,
        _ value: Int,
        _ meaning: String
    ) -> ConfigurationKey {
        ConfigurationKey("limits.\(name)", .count(range), default: String(value), meaning)
    }

    static func duration(
        _ name: String,
        _ range: ClosedRange<Duration>,
        _ value: String,
        _ meaning: String
    ) -> ConfigurationKey {
        ConfigurationKey("limits.\(name)", .duration(range), default: value, meaning)
    }

    static func size(
        _ name: String,
        _ range: ClosedRange<Int>,
        _ value: String,
        _ meaning: String
    ) -> ConfigurationKey {
        ConfigurationKey("limits.\(name)", .size(range), default: value, meaning)
    }
}
