// Ids and times for events that are not CloudEvents: UUIDv7 (RFC 9562 5.7) and RFC 3339 text, cheap enough per event.

import { randomFillSync } from 'node:crypto'

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const pool = Buffer.allocUnsafeSlow(4_096)
let poolAt = pool.length
let stampMs = -1
let stampHex = ''

function byte (): number {
  if (poolAt === pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  return pool[poolAt++] ?? 0
}

/** A new UUIDv7: 48 bits of `nowMs`, then 74 random bits. */
export function uuidV7 (nowMs: number): string {
  if (nowMs !== stampMs) {
    stampMs = nowMs
    const text = nowMs.toString(16).padStart(12, '0')
    stampHex = `${text.slice(0, 8)}-${text.slice(8)}-`
  }
  let text = stampHex + hex[0x70 | (byte() & 0x0f)] + hex[byte()] + '-' + hex[0x80 | (byte() & 0x3f)] + hex[byte()] + '-'
  for (let i = 0; i < 6; i++) text += hex[byte()]
  return text
}

let timeMs = -1
let timeText = ''

/** RFC 3339 in UTC with milliseconds; remembered for the millisecond. */
export function timestamp (nowMs: number): string {
  if (nowMs !== timeMs) {
    timeMs = nowMs
    timeText = new Date(nowMs).toISOString()
  }
  return timeText
}
