// AWS Signature Version 4 of a GET, and the SHA-256 under it. Browsers have both hash and HMAC (crypto.subtle), but only for pages that came over TLS or from loopback.
const sigv4 = (() => {
  "use strict";
  // FIPS 180-4, 4.2.2 and 5.3.3.
  const ROUNDS = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  ];
  const START = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
  const BLOCK = 64;
  const turned = (word, by) => (word >>> by) | (word << (32 - by));

  // Behind the message a one bit, zeros up to the end of a block, and there its length in bits.
  const padded = (bytes) => {
    const whole = new Uint8Array(Math.ceil((bytes.length + 9) / BLOCK) * BLOCK);
    whole.set(bytes);
    whole[bytes.length] = 0x80;
    const view = new DataView(whole.buffer);
    view.setUint32(whole.length - 8, Math.floor(bytes.length / 2 ** 29));
    view.setUint32(whole.length - 4, bytes.length << 3);
    return view;
  };
  // Typed arrays and `| 0` keep words at 32 bits.
  const mix = (hash, words) => {
    for (let i = 16; i < 64; i += 1) {
      const [early, late] = [words[i - 15], words[i - 2]];
      words[i] = words[i - 16] + (turned(early, 7) ^ turned(early, 18) ^ (early >>> 3))
        + words[i - 7] + (turned(late, 17) ^ turned(late, 19) ^ (late >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let i = 0; i < 64; i += 1) {
      const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
      const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [a, b, c, d, e, f, g, h] = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => { hash[i] += word; });
  };
  const hash = (bytes) => {
    const [message, state, words] = [padded(bytes), Int32Array.from(START, (word) => word | 0), new Int32Array(64)];
    for (let at = 0; at < message.byteLength; at += BLOCK) {
      for (let i = 0; i < 16; i += 1) words[i] = message.getInt32(at + 4 * i);
      mix(state, words);
    }
    const out = new DataView(new ArrayBuffer(32));
    state.forEach((word, i) => out.setInt32(4 * i, word));
    return new Uint8Array(out.buffer);
  };
  // RFC 2104.
  const mac = (key, bytes) => {
    const short = key.length > BLOCK ? hash(key) : key;
    const keyed = (pad, rest) => {
      const block = new Uint8Array(BLOCK + rest.length).fill(pad, 0, BLOCK);
      short.forEach((byte, i) => { block[i] ^= byte; });
      block.set(rest, BLOCK);
      return hash(block);
    };
    return keyed(0x5c, keyed(0x36, bytes));
  };
  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

  // All but the unreserved characters of RFC 3986.
  const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (mark) => "%" + mark.charCodeAt(0).toString(16).toUpperCase());
  // A query as it is signed, which is also how it is sent: sorted by name, then by value, as both are written.
  const query = (parameters) => {
    const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    const pairs = parameters.map((pair) => pair.map(encode));
    pairs.sort(([name, value], [otherName, otherValue]) => order(name, otherName) || order(value, otherValue));
    return pairs.map((pair) => pair.join("=")).join("&");
  };
  // `YYYYMMDDTHHMMSSZ`, of milliseconds since 1970.
  const date = (millis) => new Date(millis).toISOString().replace(/[-:]|\.\d+/g, "");

  // The header `Authorization` of a GET without a body, whose header `X-Amz-Date` is `date`. The path is as it is sent.
  const authorization = ({ id, secret }, { host, path, query, date, region, service }) => {
    const scope = [date.slice(0, 8), region, service, "aws4_request"];
    const signed = "host;x-amz-date";
    const canonical = ["GET", path.split("/").map(encode).join("/"), query, "host:" + host, "x-amz-date:" + date, "", signed, hex(hash(utf8("")))].join("\n");
    const text = ["AWS4-HMAC-SHA256", date, scope.join("/"), hex(hash(utf8(canonical)))].join("\n");
    const key = scope.reduce((key, part) => mac(key, utf8(part)), utf8("AWS4" + secret));
    return `AWS4-HMAC-SHA256 Credential=${id}/${scope.join("/")}, SignedHeaders=${signed}, Signature=${hex(mac(key, utf8(text)))}`;
  };
  return { hash, mac, hex, query, date, authorization };
})();
