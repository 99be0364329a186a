// Attacks on the WebSocket door: on its time limits, its bounds on frames, and the inflating of messages.

import { promisify } from 'node:util'
import { constants, deflateRaw } from 'node:zlib'
import type { Access, Attack, Limits, MakeAttack } from './attack.ts'

const text = 1
const binary = 2
const ping = 9
const continuation = 0
const finBit = 0x80
const compressedBit = 0x40
const gibibyte = 1_073_741_824

/** RFC 6455 5.2: a frame of a client, masked by zeros, which change nothing. */
function frame (first: number, payload: Buffer | string, announcedBytes?: number): Buffer {
  const bytes = Buffer.from(payload)
  const length = announcedBytes ?? bytes.length
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[0] = first
  if (length < 126) head[1] = finBit | length
  else if (length < 65_536) head.writeUInt16BE(length, 2)
  else head.writeBigUInt64BE(BigInt(length), 2)
  if (length >= 126) head[1] = finBit | (length < 65_536 ? 126 : 127)
  return Buffer.concat([head, Buffer.alloc(4), bytes])
}

function upgrade ({ apiKey }: Access, more: readonly string[] = []): Buffer {
  return Buffer.from([
    'GET /v1/stream HTTP/1.1', 'Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol: sluice.v1', `X-Api-Key: ${apiKey}`, ...more, '', ''
  ].join('\r\n'))
}

/** Events of a channel that was never declared, in one message: each is refused in far more bytes than it has. */
function refusedEvents (count: number): Buffer {
  const records = Buffer.alloc(6 * count)
  for (let at = 0; at < count; at++) {
    // A length is before the data; id in three bytes of LEB128; channel 7; no data.
    records.set([0x10, (at + 1) % 128 | 0x80, ((at + 1) >> 7) % 128 | 0x80, (at + 1) >> 14, 7, 0], at * 6)
  }
  return records
}

/** More than the socket of the gateway and of the attacker hold between them, once it is refused. */
const refusedCount = 30_000

const slowReaders: MakeAttack = ({ timeoutMs }, access) => ({
  listener: 'http', limit: 'websocket.writeTimeoutMs', limitMs: timeoutMs, ends: /^(ECONNRESET|EPIPE|FIN)$/, opening: upgrade(access), deaf: true,
  deed: frame(finBit | binary, refusedEvents(refusedCount)),
  // Whoever does not read learns by writing that it was dropped.
  drip: { everyMs: 1_000, parts: [frame(finBit | ping, '')] }
})

const slowFrames: MakeAttack = ({ timeoutMs }, access) => ({
  listener: 'http', limit: 'websocket.messageTimeoutMs', limitMs: timeoutMs, ends: /^(close 1008|FIN)$/, opening: upgrade(access),
  deed: frame(finBit | text, '', 1_000), drip: { everyMs: 1_000, parts: [Buffer.from('x')] }
})

const slowUpgrades: MakeAttack = ({ timeoutMs }, access) => ({
  listener: 'http', limit: 'connections.headersTimeoutMs', limitMs: timeoutMs, ends: /^status 408$/,
  opening: Buffer.from(`${upgrade(access).toString().trimEnd()}\r\nX-Slow: `), drip: { everyMs: 1_000, parts: [Buffer.from('x')] }
})

const halfClosed: MakeAttack = (_limits, access) => ({
  listener: 'http', limit: 'at once', limitMs: 0, ends: /^FIN$/, opening: upgrade(access), deed: Buffer.alloc(0), finishes: true
})

const halfClosedFrames: MakeAttack = (_limits, access) => ({
  listener: 'http', limit: 'at once', limitMs: 0, ends: /^FIN$/, opening: upgrade(access), deed: frame(finBit | text, 'half', 1_000),
  finishes: true
})

const pings: MakeAttack = (_limits, access) => ({
  listener: 'http', limit: 'websocket.controlFramesPerSecondMax', limitMs: 1_000, ends: /^(close 1008|FIN)$/, opening: upgrade(access),
  deed: Buffer.concat(Array.from({ length: 2_000 }, () => frame(finBit | ping, 'p')))
})

/** One message in pieces of one byte, which never ends. */
const tinyFrames: MakeAttack = (_limits, access) => ({
  listener: 'http', limit: 'websocket.fragmentsPerSecondMax', limitMs: 1_000, ends: /^(close 1008|FIN)$/, opening: upgrade(access),
  deed: Buffer.concat(Array.from({ length: 5_000 }, (_, at) => frame(at === 0 ? text : continuation, '{')))
})

/** Zeros without end: a block of them is flushed so that it can be repeated. */
async function deflatedZeros (bytes: number): Promise<Buffer> {
  const blockBytes = 16_777_216
  const block = await promisify(deflateRaw)(Buffer.alloc(blockBytes), { level: 9, finishFlush: constants.Z_FULL_FLUSH })
  const whole = Buffer.concat(Array.from({ length: Math.ceil(bytes / blockBytes) }, () => block))
  // RFC 7692 7.2.1: the last empty block is not sent.
  return whole.subarray(0, whole.length - 4)
}

const deflates = ['Sec-WebSocket-Extensions: permessage-deflate']

function bombs (inflatedBytes: number, isReadAtOnce: boolean): MakeAttack {
  return async ({ timeoutMs }: Limits, access): Promise<Attack> => ({
    // Beyond `compressedConnectionsMax` nothing compressed was agreed on: then the frame itself is wrong. 1013: it came
    // when there was no room.
    listener: 'http', ends: /^close (1009|1002|1013)$/, opening: upgrade(access, deflates),
    // It is read whole before it is inflated: who finds no room for that has overloadTimeoutMs.
    limit: isReadAtOnce ? 'websocket.messageBytesMax' : 'websocket.overloadTimeoutMs', limitMs: isReadAtOnce ? 1_000 : timeoutMs,
    deed: frame(finBit | compressedBit | text, await deflatedZeros(inflatedBytes))
  })
}

/** No attack: connections that have proved who they are and say nothing. */
export const idle: MakeAttack = (_limits, access) => ({
  listener: 'http', limit: 'none', limitMs: Number.MAX_SAFE_INTEGER, ends: /^$/, opening: upgrade(access), deed: Buffer.alloc(0),
  settleMs: 4_000
})

export const websocketAttacks = {
  'ws-slow-readers': slowReaders,
  'ws-slow-frames': slowFrames,
  'ws-slow-upgrades': slowUpgrades,
  'ws-half-closed': halfClosed,
  'ws-half-closed-frames': halfClosedFrames,
  'ws-pings': pings,
  'ws-tiny-frames': tinyFrames,
  'ws-small-bombs': bombs(gibibyte / 64, true),
  'ws-bombs': bombs(gibibyte, false)
} as const satisfies Record<string, MakeAttack>
