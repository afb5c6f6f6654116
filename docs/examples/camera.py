#!/usr/bin/env python3
"""A camera in one file: Vs, Vd, and FFmpeg for the picture (docs/device-guide.md).

camera.py HOST:PORT CA.pem DEVICE MAC PASSWORD VIDEO.ts [BIND_CODE]
"""
import base64, json, os, random, socket, ssl, struct, subprocess, sys, time
import urllib.parse, urllib.request

platform, ca, device, mac, password, video = sys.argv[1:7]
bind_code = sys.argv[7] if len(sys.argv) > 7 else None
tls = ssl.create_default_context(cafile=ca)
pushes = {}  # channel → (stream_id, FFmpeg): they outlive the signalling connection


def schedule():
    """Vs: where is my signalling server, and what time is it?"""
    address = f"https://{platform}/Vs/getServerAddr?macid={urllib.parse.quote(mac)}"
    request = urllib.request.Request(address, headers={"Mac-Identity": mac})
    with urllib.request.urlopen(request, context=tls, timeout=10) as answer:
        servers = json.load(answer)
    if abs(servers["SyncTime"] / 1000 - time.time()) > 10:
        print("the clock is off by more than 10 s: a camera sets it now")
    return servers["PassDomain"], servers["Secure_PassPort"]


class Vd:
    """One WebSocket connection (RFC 6455, client side)."""

    def __init__(self, host, port, reconnect):
        login = dict(login_code=device, login_passwd=password, hardware_model="Example",
                     firmware_model="0.1", reconnect=int(reconnect))
        query = urllib.parse.urlencode(login, quote_via=urllib.parse.quote)
        self.wire = tls.wrap_socket(socket.create_connection((host, port), 10), server_hostname=host)
        self.seq = 0
        key = base64.b64encode(os.urandom(16)).decode()
        self.wire.sendall((f"GET /Vd?{query} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.exactly(1)
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError("login refused: " + head.split(b"\r\n")[0].decode())

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.wire.recv(count - len(data))
            if not piece:
                raise ConnectionError("the platform closed the connection")
            data += piece
        return data

    def send(self, message):
        text = json.dumps(message)
        print("→", text)
        self.frame(1, text.encode())

    def frame(self, opcode, data):
        mask = os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self.wire.sendall(bytes([0x80 | opcode]) + size + mask + masked)

    def ask(self, method, params):
        self.seq += 1
        self.send({"req": method, "params": params, "seq": self.seq})

    def receive(self, seconds):
        """One message, or None after `seconds`."""
        self.wire.settimeout(max(0.05, seconds))
        try:
            first = self.exactly(1)
        except TimeoutError:
            return None
        self.wire.settimeout(20)
        size = self.exactly(1)[0] & 127
        if size == 126:
            size, = struct.unpack("!H", self.exactly(2))
        elif size == 127:
            size, = struct.unpack("!Q", self.exactly(8))
        data = self.exactly(size)
        if first[0] & 15 == 8:
            raise ConnectionError("the platform closed the session")
        if first[0] & 15 == 9:
            self.frame(10, data)
            return None
        print("←", data.decode(errors="replace"))
        try:
            return json.loads(data)
        except ValueError:
            raise ConnectionError("a malformed packet: the connection ends, and a new one follows") from None


def stop(channel):
    _, process = pushes.pop(channel, (None, None))
    if process and process.poll() is None:
        process.terminate()


def serve(method, params):
    channel, stream = params.get("channel", 0), params.get("stream_id")
    if method == "PushLive":
        if not isinstance(channel, int) or not isinstance(stream, str) or "url" not in params:
            return {"err": {"code": 12, "msg": "channel, url and stream_id are required"}}
        if channel != 0:
            return {"err": {"code": 102, "msg": "no such channel"}}
        if pushes.get(channel, (None,))[0] == stream:
            return {"resp": {}}
        stop(channel)
        pushes[channel] = stream, subprocess.Popen(
            ["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", video,
             "-c", "copy", "-f", "mpegts", params["url"]])
        return {"resp": {}}
    if method == "StopLive":
        if pushes.get(channel, (None,))[0] == stream:
            stop(channel)
        return {"resp": {}}
    return {"err": {"code": 101, "msg": "unsupported RPC method"}}


def session(host, port):
    """Online until an error ends it. Returns the servers to go to after a `Reschedule`."""
    global bind_code, reconnect
    vd = Vd(host, port, reconnect)
    reconnect = True
    vd.ask("GetServerInfo", {"mac_id": mac, "state": 1})
    if bind_code:
        vd.send({"event": "Bind", "params": {"mac_id": mac, "bind_id": bind_code}})
        bind_code = None
    interval, due = 10, 0.0
    while True:
        if time.monotonic() >= due:
            due = time.monotonic() + interval
            for channel in [c for c, (_, process) in pushes.items() if process.poll() is not None]:
                stop(channel)  # it broke: the platform sees that, and asks again with a new address
            stream = pushes.get(0, ("",))[0]
            vd.ask("Keepalive", {"mac_id": mac, "state": 1, "channels": [
                {"channel": 0, "state": 1, "stream_id": stream, "alarm": 0}]})
        message = vd.receive(due - time.monotonic()) or {}
        if "req" in message:
            vd.send({"seq": message["seq"], **serve(message["req"], message.get("params", {}))})
        elif message.get("event") == "Reschedule":
            servers = schedule()
            vd.wire.close()
            return servers
        elif "hb_interval" in message.get("resp", {}):
            interval = message["resp"]["hb_interval"]
            due = min(due, time.monotonic() + interval)


attempt, failures, servers, reconnect = 0, 0, None, False
while True:
    started = time.monotonic()
    try:
        if servers is None or failures > 15:
            servers, failures = schedule(), 0
        servers = session(*servers)
    except OSError as error:
        print(error)
        if time.monotonic() - started > 30:  # it held: the count starts anew
            attempt = failures = 0
        attempt, failures = attempt + 1, failures + 1
        time.sleep(random.uniform(0, 5 * attempt) if attempt <= 12 else 60)
