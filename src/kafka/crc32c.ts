// CRC-32C (Castagnoli, RFC 3720 appendix B.4), which protects a Kafka record batch: by the processor's own instruction
// where there is much to sum up and a binary for this platform, else eight bytes at a time.

const polynomial = 0x82f63b78
/** Eight tables of 256: table k is for a byte that k more bytes follow in the same step. */
const tables = makeTables()

function makeTables (): Int32Array {
  const made = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? crc >>> 1 ^ polynomial : crc >>> 1
    made[byte] = crc
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] ?? 0
    made[at] = before >>> 8 ^ (made[before & 0xff] ?? 0)
  }
  return made
}

/** Below this size a call out of JavaScript costs more than it saves. */
const nativeBytesMin = 512
/** Undefined where no binary for this platform came along: everything works without it, for more CPU. */
const native = await import('@node-rs/crc32').then(({ default: { crc32c } }) => crc32c, () => undefined)

/** The checksum of `bytes` behind bytes whose checksum is `before`: 0 for none. An unsigned 32-bit number. */
export function crc32c (bytes: Buffer, before: number): number {
  return native === undefined || bytes.length < nativeBytesMin ? crc32cHere(bytes, before) : native(bytes, before)
}

/** The same in JavaScript. */
export function crc32cHere (bytes: Buffer, before: number): number {
  const { length } = bytes
  const whole = length - (length & 7)
  let crc = ~before
  let at = 0
  for (; at < whole; at += 8) {
    crc ^= (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 | (bytes[at + 2] ?? 0) << 16 | (bytes[at + 3] ?? 0) << 24
    crc = (tables[1792 + (crc & 0xff)] ?? 0) ^ (tables[1536 + (crc >>> 8 & 0xff)] ?? 0) ^
      (tables[1280 + (crc >>> 16 & 0xff)] ?? 0) ^ (tables[1024 + (crc >>> 24)] ?? 0) ^
      (tables[768 + (bytes[at + 4] ?? 0)] ?? 0) ^ (tables[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (tables[256 + (bytes[at + 6] ?? 0)] ?? 0) ^ (tables[bytes[at + 7] ?? 0] ?? 0)
  }
  for (; at < length; at++) crc = crc >>> 8 ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  return ~crc >>> 0
}
