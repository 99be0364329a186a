// Settings of the gRPC door: what a message, a stream and a connection may hold, and how long they may take.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import { bytes } from '../../src/contract/setting.ts'

/** Timers of the platform hold no more, jitter included. */
const longestMs = 1_000_000_000

/** The `grpc:` section. */
export const grpcConfig = Type.Object({
  messageBytesMax: Type.Unsafe<number>(bytes({
    default: '4MiB', maximumBytes: 1_073_741_824,
    description: 'The largest message, as sent and after decompression; a whole batch is one message.'
  })),
  batchEventsMax: Type.Integer({
    default: 10_000, minimum: 1, maximum: 1_000_000, description: 'Events of one PublishBatch.'
  }),
  eventsInFlightMax: Type.Integer({
    default: 1_000, minimum: 1, maximum: 1_000_000,
    description: 'The window of a stream: events that may wait for their outcome; then reading stops.'
  }),
  streamsPerConnectionMax: Type.Integer({
    default: 100, minimum: 1, maximum: 100_000, description: 'Calls and streams that a connection may have open.'
  }),
  sessionBytesMax: Type.Unsafe<number>(bytes({
    default: '10MiB', minimumBytes: 1_048_576, maximumBytes: 1_073_741_824,
    description: 'Memory of one connection for HTTP/2 itself; above it, no further stream is taken.'
  })),
  streamIdleTimeoutMs: Type.Integer({
    default: 300_000, minimum: 50, maximum: longestMs,
    description: 'How long a stream may stand still with nothing in flight before it is ended.'
  }),
  messageTimeoutMs: Type.Integer({
    default: 30_000, minimum: 50, maximum: longestMs,
    description: 'How long a call that is no stream may take to arrive; then it is reset (CANCELLED): nothing of it was taken.'
  }),
  writeTimeoutMs: Type.Integer({
    default: 30_000, minimum: 50, maximum: longestMs,
    description: 'How long a client may not read its answers before it is dropped.'
  }),
  keepaliveIntervalMs: Type.Integer({
    default: 60_000, minimum: 1_000, maximum: longestMs, description: 'How often a connection is asked whether it lives (PING).'
  }),
  keepaliveTimeoutMs: Type.Integer({
    default: 20_000, minimum: 100, maximum: longestMs, description: 'How long it may take to say so.'
  }),
  connectionAgeMs: Type.Integer({
    default: 1_800_000, minimum: 1_000, maximum: longestMs,
    description: 'How old a connection may get, give or take a tenth, before it is told to go (GOAWAY), so that load spreads.'
  }),
  connectionAgeGraceMs: Type.Integer({
    default: 60_000, minimum: 100, maximum: longestMs, description: 'How long it may then finish what it has begun.'
  }),
  connectionIdleMs: Type.Integer({
    default: 300_000, minimum: 100, maximum: longestMs, description: 'How long a connection without a call is kept.'
  }),
  pingsPerSecondMax: Type.Integer({
    default: 20, minimum: 1, maximum: 1_000_000,
    description: 'PING frames of one connection, and one more for every message sent to it; above it, it is cut.'
  }),
  resetsPerSecondMax: Type.Integer({
    default: 200, minimum: 1, maximum: 1_000_000,
    description: 'Calls that the client of one connection breaks off; above it, it is cut. One that was broken off before ' +
      'it was looked at counts ten times.'
  }),
  streamsPerSecondMax: Type.Integer({
    default: 20_000, minimum: 1, maximum: 10_000_000, description: 'Calls that one connection begins; above it, it is cut.'
  }),
  fragmentsPerSecondMax: Type.Integer({
    default: 100, minimum: 1, maximum: 10_000_000,
    description: 'Frames of fewer than 64 bytes of one connection, within messages, and one more for every 8 KiB that ' +
      'it sends; above it, it is cut.'
  }),
  reflection: Type.Boolean({
    default: false, description: 'true: tools may ask, without proving who they are, what services and messages there are.'
  })
}, { additionalProperties: false, default: {}, description: 'The gRPC door.' })

export type GrpcConfig = Static<typeof grpcConfig>
