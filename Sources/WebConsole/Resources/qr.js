// QR codes (ISO/IEC 18004), versions 1 to 10 with error correction M: up to 311 characters of a bind code or 213 octets of an address.

import { svg } from "./dom.js";

const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
/** Of each version with correction M: octets of correction for each block, and blocks (table 9). */
const CORRECTION = [[10, 1], [16, 1], [26, 1], [18, 2], [24, 2], [16, 4], [18, 4], [22, 4], [22, 5], [26, 5]];
/** Octets of each version, data and correction (table 1). */
const OCTETS = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346];
const QUIET = 4;  // Modules around the code.

/**
 * @param {string} text @param {string} name  what it is, for who cannot see it
 * @returns {SVGElement}
 */
export function qrCode(text, name) {
  const modules = encode(text);
  const size = modules.length + 2 * QUIET;
  let path = "";
  modules.forEach((row, y) => row.forEach((isDark, x) => { if (isDark) path += `M${x + QUIET} ${y + QUIET}h1v1h-1z`; }));
  // Dark on light in both colour schemes: not every reader takes the inverse.
  return svg(
    "svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": name, "shape-rendering": "crispEdges" },
    svg("rect", { width: size, height: size, fill: "#fff" }), svg("path", { d: path, fill: "#000" }),
  );
}

/** @param {string} text @returns {boolean[][]}  dark modules, row by row */
export function encode(text) {
  const version = OCTETS.findIndex((_, place) => bitsOf(text, place + 1).length <= dataOctets(place + 1) * 8) + 1;
  if (version === 0) throw new RangeError("too long for a QR code");
  const words = interleaved(filled(bitsOf(text, version), dataOctets(version)), version);
  let best = null, least = Infinity;
  for (let mask = 0; mask < 8; mask += 1) {
    const code = new Code(version);
    code.drawFunctions(mask);
    code.drawData(words, mask);
    const penalty = code.penalty();
    if (penalty < least) { least = penalty; best = code.modules; }
  }
  return best;
}

const dataOctets = (version) => OCTETS[version - 1] - CORRECTION[version - 1][0] * CORRECTION[version - 1][1];

/** Mode, count and content (7.4), without the terminator. */
function bitsOf(text, version) {
  const bits = [];
  const push = (value, count) => { for (let bit = count - 1; bit >= 0; bit -= 1) bits.push((value >> bit) & 1); };
  if ([...text].every((character) => ALPHANUMERIC.includes(character))) {
    push(0b0010, 4);
    push(text.length, version < 10 ? 9 : 11);
    for (let place = 0; place < text.length; place += 2) {
      const first = ALPHANUMERIC.indexOf(text[place]);
      if (place + 1 < text.length) push(first * 45 + ALPHANUMERIC.indexOf(text[place + 1]), 11);
      else push(first, 6);
    }
    return bits;
  }
  const octets = new TextEncoder().encode(text);
  push(0b0100, 4);
  push(octets.length, version < 10 ? 8 : 16);
  for (const octet of octets) push(octet, 8);
  return bits;
}

/** Terminator and padding (7.4.9, 7.4.10). */
function filled(bits, size) {
  const all = bits.concat(Array(Math.min(4, size * 8 - bits.length)).fill(0));
  while (all.length % 8) all.push(0);
  const octets = [];
  for (let place = 0; place < all.length; place += 8) octets.push(parseInt(all.slice(place, place + 8).join(""), 2));
  for (let pad = 0xec; octets.length < size; pad ^= 0xec ^ 0x11) octets.push(pad);
  return octets;
}

/** Blocks, each with its correction, octet by octet in turn (7.6). */
function interleaved(data, version) {
  const [correction, count] = CORRECTION[version - 1];
  const short = Math.floor(data.length / count);
  const longer = data.length % count;
  const generator = generatorOf(correction);
  const blocks = [];
  for (let block = 0, place = 0; block < count; block += 1) {
    const length = short + (block >= count - longer ? 1 : 0);
    const octets = data.slice(place, place + length);
    blocks.push({ octets, correction: remainder(octets, generator) });
    place += length;
  }
  const words = [];
  for (let place = 0; place <= short; place += 1) {
    for (const block of blocks) if (place < block.octets.length) words.push(block.octets[place]);
  }
  for (let place = 0; place < correction; place += 1) for (const block of blocks) words.push(block.correction[place]);
  return words;
}

/** In the field of 256 elements over x⁸+x⁴+x³+x²+1. */
function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

function generatorOf(degree) {
  const result = Array(degree).fill(0);
  result[degree - 1] = 1;
  let root = 1;
  for (let step = 0; step < degree; step += 1) {
    for (let place = 0; place < degree; place += 1) {
      result[place] = times(result[place], root) ^ (place + 1 < degree ? result[place + 1] : 0);
    }
    root = times(root, 2);
  }
  return result;
}

function remainder(octets, generator) {
  const result = generator.map(() => 0);
  for (const octet of octets) {
    const factor = octet ^ result.shift();
    result.push(0);
    generator.forEach((coefficient, place) => { result[place] ^= times(coefficient, factor); });
  }
  return result;
}

const MASKS = [
  (x, y) => (x + y) % 2 === 0, (_, y) => y % 2 === 0, (x) => x % 3 === 0, (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0, (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** Dark and light, from the middle outwards. A finder has its light border with it. */
const FINDER = [1, 1, 0, 1, 0];
const ALIGNMENT = [1, 0, 1];

class Code {
  constructor(version) {
    this.version = version;
    this.size = 17 + 4 * version;
    this.modules = Array.from({ length: this.size }, () => Array(this.size).fill(false));
    this.isFunction = Array.from({ length: this.size }, () => Array(this.size).fill(false));
  }

  #set(x, y, isDark) {
    if (x < 0 || y < 0 || x >= this.size || y >= this.size) return;
    this.modules[y][x] = Boolean(isDark);
    this.isFunction[y][x] = true;
  }

  drawFunctions(mask) {
    const { size } = this;
    for (let place = 0; place < size; place += 1) {
      this.#set(6, place, place % 2 === 0);
      this.#set(place, 6, place % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) this.#square(x, y, FINDER);
    const places = this.#alignment();
    places.forEach((x, i) => places.forEach((y, j) => {
      const isFinder = (i === 0 && j === 0) || (i === 0 && j === places.length - 1) || (i === places.length - 1 && j === 0);
      if (!isFinder) this.#square(x, y, ALIGNMENT);
    }));
    this.#format(mask);
    this.#versionBits();
  }

  /** Rings around a middle, from the inside on. */
  #square(x, y, rings) {
    const reach = rings.length - 1;
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) this.#set(x + dx, y + dy, rings[Math.max(Math.abs(dx), Math.abs(dy))]);
    }
  }

  /** Annex E: of versions up to 10 there are at most three in a row, evenly apart. */
  #alignment() {
    const { version, size } = this;
    if (version === 1) return [];
    if (version < 7) return [6, size - 7];
    return [6, (size - 1) / 2, size - 7];
  }

  /** Correction M is 00; 15 bits, twice (7.9). */
  #format(mask) {
    let rest = mask;
    for (let bit = 0; bit < 10; bit += 1) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
    const bits = ((mask << 10) | rest) ^ 0x5412;
    const at = (bit) => (bits >> bit) & 1;
    const { size } = this;
    for (let bit = 0; bit < 6; bit += 1) this.#set(8, bit, at(bit));
    this.#set(8, 7, at(6));
    this.#set(8, 8, at(7));
    this.#set(7, 8, at(8));
    for (let bit = 9; bit < 15; bit += 1) this.#set(14 - bit, 8, at(bit));
    for (let bit = 0; bit < 8; bit += 1) this.#set(size - 1 - bit, 8, at(bit));
    for (let bit = 8; bit < 15; bit += 1) this.#set(8, size - 15 + bit, at(bit));
    this.#set(8, size - 8, 1);
  }

  /** 18 bits, twice, from version 7 on (7.10). */
  #versionBits() {
    if (this.version < 7) return;
    let rest = this.version;
    for (let bit = 0; bit < 12; bit += 1) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
    const bits = (this.version << 12) | rest;
    for (let bit = 0; bit < 18; bit += 1) {
      const a = this.size - 11 + (bit % 3), b = Math.floor(bit / 3);
      this.#set(a, b, (bits >> bit) & 1);
      this.#set(b, a, (bits >> bit) & 1);
    }
  }

  /** Two columns at a time, upwards and downwards in turn, from the right (7.7.3). */
  drawData(words, mask) {
    let bit = 0;
    for (let right = this.size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      const isUp = ((right + 1) & 2) === 0;
      for (let step = 0; step < this.size; step += 1) {
        for (const x of [right, right - 1]) {
          const y = isUp ? this.size - 1 - step : step;
          if (this.isFunction[y][x]) continue;
          const isDark = bit < words.length * 8 && ((words[bit >> 3] >> (7 - (bit & 7))) & 1) === 1;
          this.modules[y][x] = isDark !== MASKS[mask](x, y);
          bit += 1;
        }
      }
    }
  }

  /** How hard it is to read (7.8.3.1): runs, blocks, what looks like a finder, and the balance. */
  penalty() {
    const rows = this.modules;
    const columns = rows.map((_, x) => rows.map((row) => row[x]));
    let sum = 0;
    for (const line of [...rows, ...columns]) {
      const text = line.map((isDark) => (isDark ? "1" : "0")).join("");
      for (const run of text.match(/1{5,}|0{5,}/g) ?? []) sum += run.length - 2;
      for (let place = 0; place + 11 <= text.length; place += 1) {
        const part = text.slice(place, place + 11);
        if (part === "10111010000" || part === "00001011101") sum += 40;
      }
    }
    let dark = 0;
    for (let y = 0; y < this.size; y += 1) {
      for (let x = 0; x < this.size; x += 1) {
        if (rows[y][x]) dark += 1;
        if (x && y && rows[y][x] === rows[y][x - 1] && rows[y][x] === rows[y - 1][x] && rows[y][x] === rows[y - 1][x - 1]) sum += 3;
      }
    }
    const share = (dark * 20) / (this.size * this.size);
    return sum + 10 * Math.floor(Math.abs(share - 10));
  }
}
