// As much of ISO/IEC 14496-12 as says what a fragmented MP4 is coded with, for `addSourceBuffer` (RFC 6381).

const MOST = 1 << 20;  // Octets in which the header has to end.
const PLAIN = new Set(["moov", "trak", "mdia", "minf", "stbl"]);
/** Octets of a sample entry before its boxes (14496-12, 12.1.3 and 12.2.3). */
const ENTRIES = { avc1: 78, avc3: 78, hvc1: 78, hev1: 78, mp4a: 28 };

/**
 * The type of a file of which `bytes` are the begin.
 * @param {Uint8Array} bytes
 * @returns {string|null|undefined}  undefined: its header is not whole yet; null: there is none that browsers know
 */
export function mimeOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const box of boxes(view, 0, view.byteLength)) {
    if (box.name !== "moov") continue;
    if (box.end > view.byteLength) return box.end > MOST ? null : undefined;
    const codecs = codecsIn(view, box.begin, box.end);
    if (!codecs.length) return null;
    return `${codecs.some((codec) => !codec.startsWith("mp4a")) ? "video" : "audio"}/mp4; codecs="${codecs.join(",")}"`;
  }
  return view.byteLength > MOST ? null : undefined;
}

function* boxes(view, begin, end) {
  while (begin + 8 <= end) {
    const size = view.getUint32(begin);
    const name = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + begin + 4, 4));
    // A size of 0 or 1 (to the end, or of 64 bits) is not in a header of ours.
    if (size < 8) return;
    yield { name, begin: begin + 8, end: begin + size };
    begin += size;
  }
}

/** @returns {string[]} */
function codecsIn(view, begin, end) {
  const found = [];
  for (const box of boxes(view, begin, end)) {
    if (box.end > end) break;
    if (PLAIN.has(box.name)) found.push(...codecsIn(view, box.begin, box.end));
    // Version, flags and a count come before the entries.
    else if (box.name === "stsd") found.push(...entriesIn(view, box.begin + 8, box.end));
  }
  return found;
}

function entriesIn(view, begin, end) {
  const found = [];
  for (const entry of boxes(view, begin, end)) {
    const head = ENTRIES[entry.name];
    if (head === undefined || entry.end > end) continue;
    for (const box of boxes(view, entry.begin + head, entry.end)) {
      if (box.end > entry.end) break;
      const codec = codecOf(entry.name, box.name, new DataView(view.buffer, view.byteOffset + box.begin, box.end - box.begin));
      if (codec) found.push(codec);
    }
  }
  return found;
}

const hex = (number) => number.toString(16).toUpperCase().padStart(2, "0");

/** @param {DataView} box */
function codecOf(entry, name, box) {
  if (name === "avcC" && box.byteLength >= 4) return `${entry}.${hex(box.getUint8(1))}${hex(box.getUint8(2))}${hex(box.getUint8(3))}`;
  if (name === "hvcC" && box.byteLength >= 13) return `${entry}.${hevc(box)}`;
  if (name === "esds") return aac(box);
  return null;
}

/** 14496-15, E.3. */
function hevc(box) {
  const profile = box.getUint8(1);
  const space = ["", "A", "B", "C"][profile >> 6];
  let compatible = box.getUint32(2), reversed = 0;
  for (let bit = 0; bit < 32; bit += 1) { reversed = (reversed << 1) | (compatible & 1); compatible >>>= 1; }
  const constraints = Array.from({ length: 6 }, (_, place) => box.getUint8(6 + place));
  while (constraints.length && constraints[constraints.length - 1] === 0) constraints.pop();
  const tier = profile & 0x20 ? "H" : "L";
  return [`${space}${profile & 0x1f}`, (reversed >>> 0).toString(16), `${tier}${box.getUint8(12)}`, ...constraints.map((octet) => octet.toString(16).toUpperCase())].join(".");
}

/** 14496-1: an ES descriptor with a decoder configuration with what only this decoder knows. */
function aac(box) {
  let place = 4;
  const descriptor = () => {
    const tag = box.getUint8(place++);
    let length = 0, octet;
    do { octet = box.getUint8(place++); length = (length << 7) | (octet & 0x7f); } while (octet & 0x80);
    return { tag, length };
  };
  try {
    if (descriptor().tag !== 3) return null;
    const flags = box.getUint8(place + 2);
    place += 3 + (flags & 0x80 ? 2 : 0) + (flags & 0x20 ? 2 : 0);
    if (flags & 0x40) place += 1 + box.getUint8(place);
    if (descriptor().tag !== 4) return null;
    const type = box.getUint8(place);
    if (type !== 0x40) return `mp4a.${type.toString(16)}`;
    place += 13;
    return descriptor().tag === 5 ? `mp4a.40.${box.getUint8(place) >> 3}` : "mp4a.40.2";
  } catch {
    return null;
  }
}
