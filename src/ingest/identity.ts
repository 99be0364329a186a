// What makes a plain event a CloudEvent: id (UUIDv7, RFC 9562 5.7), time (RFC 3339), source and type of its route.

import { randomFillSync } from 'node:crypto'
import type { Envelope } from '../contract/envelope.ts'

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

export type Draft = { -readonly [Key in keyof Envelope]: Envelope[Key] }

/** Fills in what the sender of a plain event left out. Nobody else holds the envelope yet: changed in place. */
export function complete (envelope: Envelope, defaults: { source: string, type: string }): void {
  if (!envelope.wrapped) return
  const draft: Draft = envelope
  if (draft.id === '') draft.id = uuidV7(envelope.receivedAtMs)
  if (draft.source === '') draft.source = defaults.source
  if (draft.type === '') draft.type = defaults.type
  draft.time ??= timestamp(envelope.receivedAtMs)
}
