// Settings of the WebSocket door: what one connection may hold, who may open one, and how long it may take.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import { bytes, origins } from '../../src/contract/setting.ts'

/** The `websocket:` section. */
export const websocketConfig = Type.Object({
  windowEventsMax: Type.Integer({
    default: 1_000, minimum: 1, maximum: 65_536,
    description: 'Events of one connection that may wait for their outcome: the credit it is granted.'
  }),
  messageBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', maximumBytes: 268_435_456, description: 'The largest message, also after it is inflated.'
  })),
  channelsMax: Type.Integer({
    default: 256, minimum: 1, maximum: 65_536, description: 'Channels that one connection may give numbers to.'
  }),
  origins: Type.Unsafe<readonly string[]>(origins),
  authenticateTimeoutMs: Type.Integer({
    default: 5_000, minimum: 50, description: 'How long a connection may take to prove who it is by its first message.'
  }),
  authenticateBytesMax: Type.Unsafe<number>(bytes({
    default: '16KiB', maximumBytes: 1_048_576, description: 'The bytes that it may send before it has.'
  })),
  pingIntervalMs: Type.Integer({
    default: 30_000, minimum: 50, description: 'A connection from which nothing came for so long is asked whether it is there.'
  }),
  pongTimeoutMs: Type.Integer({
    default: 10_000, minimum: 50, description: 'How long it may take to answer that.'
  }),
  idleTimeoutMs: Type.Integer({
    default: 3_600_000, minimum: 50, description: 'How long a connection may stay open without sending a message.'
  }),
  messageTimeoutMs: Type.Integer({
    default: 30_000, minimum: 50, description: 'How long a message that has begun may take to be complete.'
  }),
  writeTimeoutMs: Type.Integer({
    default: 10_000, minimum: 50, description: 'How long a peer may leave what it is told unread.'
  }),
  outBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', description: 'What one connection is told and has not read yet; from a half of it on reading stops.'
  })),
  unreadBytesMax: Type.Unsafe<number>(bytes({
    default: '32MiB',
    description: 'The same of all connections of a worker; above it whoever has left more than an equal share unread is cut.'
  })),
  unpaidBytesMax: Type.Unsafe<number>(bytes({
    default: '16MiB',
    description: 'What the connections of a worker have read although the node had no room for it; above it, one that ' +
      'reads more is closed (1013).'
  })),
  overloadTimeoutMs: Type.Integer({
    default: 30_000, minimum: 50,
    description: 'How long nothing of a connection is written because the node has no room for its events, or refuses ' +
      'them in turn with those of others, before it is closed.'
  }),
  controlFramesPerSecondMax: Type.Integer({
    default: 20, minimum: 1, maximum: 10_000, description: 'Pings and pongs that one connection may send.'
  }),
  fragmentsPerSecondMax: Type.Integer({
    default: 100, minimum: 1, maximum: 1_000_000,
    description: 'Frames of fewer than 64 bytes of one connection that end no message; above it, it is closed.'
  }),
  compression: Type.Boolean({
    default: false, description: 'true: messages may be compressed (permessage-deflate), which costs ten times the CPU.'
  }),
  compressedConnectionsMax: Type.Integer({
    default: 500, minimum: 0,
    description: 'Connections of one worker whose messages may be: each keeps some 64 KiB. Those beyond are served without.'
  })
}, { additionalProperties: false, default: {}, description: 'The WebSocket door.' })

export type WebsocketConfig = Static<typeof websocketConfig>
