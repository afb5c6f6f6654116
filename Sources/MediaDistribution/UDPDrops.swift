import Glibc

/// What the kernel dropped on a UDP port, from the last column of /proc/net/udp and udp6.
enum UDPDrops {
    /// The drops of all sockets bound to `port`; 0 where the tables cannot be read.
    static func count(port: Int) -> Int {
        ["/proc/net/udp", "/proc/net/udp6"].reduce(0) { $0 + count(port: port, inTable: read($1)) }
    }

    static func count(port: Int, inTable text: String) -> Int {
        text.split(separator: "\n").dropFirst().reduce(0) { sum, line in
            // "sl local_address rem_address … drops", addresses as HEX:PORT
            let columns = line.split(separator: " ")
            guard columns.count > 2, let drops = columns.last.flatMap({ Int($0) }),
                let local = columns[1].split(separator: ":").last, Int(local, radix: 16) == port
            else { return sum }
            return sum + drops
        }
    }

    private static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        // A host with more sockets than this has other worries.
        while bytes.count < 16 << 20 {
            let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                count = fread(buffer.baseAddress, 1, buffer.count, file)
            }
            guard !chunk.isEmpty else { break }
            bytes += chunk
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
