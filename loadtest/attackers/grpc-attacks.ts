// Attacks on the gRPC door: on its time limits, its counts of what costs more to take than to send, and decompression.

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Access, MakeAttack } from './attack.ts'
import * as h2 from './http2-bytes.ts'
import type { Headers } from './http2-bytes.ts'

function headersOf ({ apiKey }: Access, method: string, more: Headers = []): Headers {
  return [
    [':method', 'POST'], [':scheme', 'http'], [':path', `/sluice.v1.Ingest/${method}`], [':authority', 'x'],
    ['content-type', 'application/grpc'], ['te', 'trailers'], ['x-api-key', apiKey], ...more
  ]
}

/** An event of a stream: its id, then `flat` with channel and data. */
function event (id: number, channel: string): Buffer {
  const flat = Buffer.concat([h2.field(1, Buffer.from(channel)), h2.field(9, Buffer.from('{}'))])
  return h2.message(Buffer.concat([Buffer.from([8, id]), h2.field(2, flat)]))
}

/** A window of nothing: not one byte of an answer may be sent. */
const slowReaders: MakeAttack = ({ timeoutMs }, access) => ({
  listener: 'grpc', limit: 'grpc.writeTimeoutMs', limitMs: timeoutMs, ends: /^(RST_STREAM CANCEL|GOAWAY NO_ERROR)$/, isOneCall: true,
  opening: Buffer.concat([
    h2.opening(0), h2.rememberedHeaders(1, headersOf(access, 'PublishStream')), h2.data(1, event(1, access.channel))
  ])
})

const slowMessages: MakeAttack = ({ timeoutMs }, access) => ({
  listener: 'grpc', limit: 'grpc.messageTimeoutMs', limitMs: timeoutMs, ends: /^(status|RST_STREAM CANCEL)$/, isOneCall: true,
  opening: Buffer.concat([
    h2.opening(), h2.rememberedHeaders(1, headersOf(access, 'Publish')),
    h2.data(1, h2.message(Buffer.alloc(0), { announcedBytes: 1_000 }))
  ]),
  drip: { everyMs: 1_000, parts: [h2.data(1, Buffer.alloc(1))] }
})

const slowStreams: MakeAttack = ({ timeoutMs }, access) => ({
  listener: 'grpc', limit: 'grpc.streamIdleTimeoutMs', limitMs: timeoutMs, ends: /^(RST_STREAM CANCEL|GOAWAY NO_ERROR)$/, isOneCall: true,
  opening: Buffer.concat([
    h2.opening(), h2.rememberedHeaders(1, headersOf(access, 'PublishStream')),
    h2.data(1, h2.message(Buffer.alloc(0), { announcedBytes: 1_000 }))
  ]),
  drip: { everyMs: 1_000, parts: [h2.data(1, Buffer.alloc(1))] }
})

/** The first bytes of HTTP/2, one a second. */
const slowOpenings: MakeAttack = ({ timeoutMs }) => ({
  listener: 'grpc', limit: 'grpc.connectionIdleMs', limitMs: timeoutMs, ends: /^GOAWAY NO_ERROR$/, opening: Buffer.alloc(0),
  drip: { everyMs: 1_000, parts: [...'PRI * HTTP/2.0'].map(letter => Buffer.from(letter)) }
})

/** After a whole opening, headers that never end: no call, and nothing that could be answered. */
const slowHeaders: MakeAttack = ({ timeoutMs }) => ({
  listener: 'grpc', limit: 'grpc.connectionIdleMs', limitMs: timeoutMs, ends: /^GOAWAY NO_ERROR$/,
  opening: Buffer.concat([h2.opening(), h2.frame({ type: 1, flags: 0, stream: 1 }, Buffer.from([0x83]))]),
  drip: { everyMs: 1_000, parts: [h2.frame({ type: 9, flags: 0, stream: 1 }, Buffer.alloc(0))] }
})

const halfClosed: MakeAttack = (_limits, access) => ({
  listener: 'grpc', limit: 'at once', limitMs: 0, ends: /^(FIN|GOAWAY NO_ERROR)$/, finishes: true,
  opening: Buffer.concat([h2.opening(), h2.rememberedHeaders(1, headersOf(access, 'PublishStream'))])
})

const halfClosedMessages: MakeAttack = (_limits, access) => ({
  listener: 'grpc', limit: 'at once', limitMs: 0, ends: /^(FIN|GOAWAY NO_ERROR)$/, finishes: true,
  opening: Buffer.concat([
    h2.opening(), h2.rememberedHeaders(1, headersOf(access, 'PublishStream')),
    h2.data(1, h2.message(Buffer.alloc(4), { announcedBytes: 1_000 }))
  ])
})

const pings: MakeAttack = () => ({
  listener: 'grpc', limit: 'grpc.pingsPerSecondMax', limitMs: 1_000, ends: /^GOAWAY ENHANCE_YOUR_CALM$/,
  opening: Buffer.concat([h2.opening(), ...Array.from({ length: 2_000 }, h2.ping)])
})

/** One message in frames of one byte. */
const tinyFrames: MakeAttack = (_limits, access) => ({
  listener: 'grpc', limit: 'grpc.fragmentsPerSecondMax', limitMs: 1_000, ends: /^GOAWAY ENHANCE_YOUR_CALM$/,
  opening: Buffer.concat([
    h2.opening(), h2.rememberedHeaders(1, headersOf(access, 'PublishStream')),
    h2.data(1, h2.message(Buffer.alloc(0), { announcedBytes: 100_000 })),
    ...Array.from({ length: 5_000 }, () => h2.data(1, Buffer.alloc(1)))
  ])
})

/** CVE-2023-44487: streams that are opened and reset at once, in a burst. */
function rapidResets (count: number): MakeAttack {
  return (_limits, access) => {
    const headers = headersOf(access, 'PublishStream')
    const pairs = Array.from({ length: count }, (_, at) => {
      const stream = 2 * at + 1
      return Buffer.concat([(at === 0 ? h2.rememberedHeaders : h2.headersAgain)(stream, headers), h2.reset(stream)])
    })
    return {
      listener: 'grpc', limit: 'grpc.resetsPerSecondMax', limitMs: 1_000, ends: /^GOAWAY ENHANCE_YOUR_CALM$/, opening: Buffer.concat([h2.opening(), ...pairs])
    }
  }
}

const bombs: MakeAttack = async (_limits, access) => {
  // Members of gzip may follow one another (RFC 1952 2.2).
  const part = await promisify(gzip)(Buffer.alloc(67_108_864), { level: 9 })
  const bomb = h2.message(Buffer.concat(Array.from({ length: 16 }, () => part)), { compressed: true })
  const frames: Buffer[] = []
  for (let at = 0; at < bomb.length; at += 16_384) frames.push(h2.data(1, bomb.subarray(at, at + 16_384)))
  return {
    listener: 'grpc', limit: 'grpc.messageBytesMax', limitMs: 1_000, isOneCall: true,
    ends: /^(status|RST_STREAM .*|GOAWAY FLOW_CONTROL_ERROR)$/,
    // It sends the rest without being given room for it, as somebody of bad will would.
    opening: Buffer.concat([
      h2.opening(), h2.rememberedHeaders(1, headersOf(access, 'Publish', [['grpc-encoding', 'gzip']])), ...frames
    ])
  }
}

const smallBombs: MakeAttack = async (_limits, access) => {
  const bomb = h2.message(await promisify(gzip)(Buffer.alloc(16_777_216), { level: 9 }), { compressed: true })
  const opening = [h2.opening(), h2.rememberedHeaders(1, headersOf(access, 'Publish', [['grpc-encoding', 'gzip']]))]
  return {
    listener: 'grpc', limit: 'grpc.messageBytesMax', limitMs: 1_000, ends: /^(status|RST_STREAM .*)$/, isOneCall: true,
    opening: Buffer.concat([
      ...opening, h2.data(1, bomb.subarray(0, 16_384)), h2.data(1, bomb.subarray(16_384), h2.endStream)
    ])
  }
}

export const grpcAttacks = {
  'grpc-slow-readers': slowReaders,
  'grpc-slow-messages': slowMessages,
  'grpc-slow-streams': slowStreams,
  'grpc-slow-openings': slowOpenings,
  'grpc-slow-headers': slowHeaders,
  'grpc-half-closed': halfClosed,
  'grpc-half-closed-messages': halfClosedMessages,
  'grpc-pings': pings,
  'grpc-tiny-frames': tinyFrames,
  'grpc-resets': rapidResets(1_000),
  'grpc-small-bombs': smallBombs,
  'grpc-bombs': bombs
} as const satisfies Record<string, MakeAttack>
