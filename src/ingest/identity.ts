// What makes a plain event a CloudEvent: id (UUIDv7, RFC 9562 5.7), time (RFC 3339), source and type of its route.

import { randomFillSync } from 'node:crypto'
import type { Envelope } from '../contract/envelope.ts'

const digits = Buffer.from('0123456789abcdef')
const pool = Buffer.allocUnsafeSlow(16_384)
let poolAt = pool.length
/** The UUID in hand: bytes that become one flat string are cheaper than a string of many parts. */
const uuid = Buffer.from('00000000-0000-7000-8000-000000000000')
let stampMs = -1
/** Its last 32 bits. */
let tail = 0
const tailMax = 0xffff_ffff

function byte (): number {
  if (poolAt === pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  return pool[poolAt++] ?? 0
}

function writeByte (at: number, value: number): void {
  uuid[at] = digits[value >> 4] ?? 0
  uuid[at + 1] = digits[value & 0x0f] ?? 0
}

/** Writes all but the tail: 48 bits of `nowMs`, then 42 random bits. */
function begin (nowMs: number): void {
  stampMs = nowMs
  const text = nowMs.toString(16).padStart(12, '0')
  uuid.write(`${text.slice(0, 8)}-${text.slice(8)}`)
  writeByte(14, 0x70 | (byte() & 0x0f))
  writeByte(16, byte())
  writeByte(19, 0x80 | (byte() & 0x3f))
  writeByte(21, byte())
  writeByte(24, byte())
  writeByte(26, byte())
  // Room to count: the first bit is 0.
  tail = (byte() & 0x7f) << 24 | byte() << 16 | byte() << 8 | byte()
}

/**
 * A new UUIDv7. Those of one millisecond begin alike and go on in random steps (RFC 9562 6.2, method 2): they sort as
 * they were made.
 */
export function uuidV7 (nowMs: number): string {
  tail += 1 + byte()
  if (nowMs !== stampMs || tail > tailMax) begin(nowMs)
  writeByte(28, tail >>> 24)
  writeByte(30, tail >>> 16 & 0xff)
  writeByte(32, tail >>> 8 & 0xff)
  writeByte(34, tail & 0xff)
  return uuid.toString('latin1')
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
