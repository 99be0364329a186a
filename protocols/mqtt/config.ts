// Settings of the MQTT door: how much a client may hold and send at once, how long it may be silent, how it is known.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import { bytes } from '../../src/contract/setting.ts'

const connecting = {
  connectTimeoutMs: Type.Integer({
    default: 10_000, minimum: 50, maximum: 600_000, description: 'How long a new connection may take to send its CONNECT.'
  }),
  connectBytesMax: Type.Unsafe<number>(bytes({
    default: '16KiB', minimumBytes: 128, maximumBytes: 1_048_576,
    description: 'The largest CONNECT, with its will and token. Nothing larger is read of a client that is not known yet.'
  })),
  connectsPerSecondMax: Type.Integer({
    default: 1_000, minimum: 1, maximum: 1_000_000,
    description: 'CONNECTs that a worker begins to check in a second; others wait, one address after the other.'
  }),
  connectsWaitingMax: Type.Integer({
    default: 5_000, minimum: 1, maximum: 1_000_000, description: 'CONNECTs that wait in a worker; more are told to come later.'
  }),
  connectWaitMs: Type.Integer({
    default: 5_000, minimum: 1, maximum: 60_000, description: 'How long a CONNECT waits; then its client is told to come later.'
  }),
  clientIdBytesMax: Type.Unsafe<number>(bytes({
    default: '256B', minimumBytes: 23, maximumBytes: 65_535, description: 'The longest client id.'
  })),
  passwordIs: Type.Union([
    Type.Literal('auto'), Type.Literal('basic'), Type.Literal('apiKey'), Type.Literal('bearer')
  ], {
    default: 'auto',
    description: 'What the password of a CONNECT is: basic (with the user name), apiKey, or bearer (a token). auto goes by ' +
      'its form, the user name and what `authentication` has.'
  }),
  apiKeyAttribute: Type.String({
    default: 'x-api-key', pattern: '^[A-Za-z0-9_-]+$', maxLength: 100,
    description: 'The attribute that a password which is an API key stands for: the `header` of auth-api-key.'
  })
} as const

const publishing = {
  packetBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', minimumBytes: 128, maximumBytes: 268_435_456, description: 'The largest packet (Maximum Packet Size).'
  })),
  packetTimeoutMs: Type.Integer({
    default: 30_000, minimum: 50, maximum: 600_000,
    description: 'How long a packet that has begun may take to be complete.'
  }),
  inFlightMax: Type.Integer({
    default: 100, minimum: 1, maximum: 4_096,
    description: 'Messages of a client that wait for their outcome (Receive Maximum). MQTT 3.1.1 has no word for it: more ' +
      'wait. The maximum is half of the 8,192 packet ids of QoS 2 that a session holds: who comes back may have as many left.'
  }),
  topicAliasesMax: Type.Integer({
    default: 32, minimum: 0, maximum: 65_535, description: 'Topic aliases of a client (Topic Alias Maximum).'
  }),
  userPropertiesMax: Type.Integer({
    default: 32, minimum: 0, maximum: 1_000, description: 'User properties of one packet.'
  }),
  disallowedCharacters: Type.Union([Type.Literal('refuse'), Type.Literal('accept')], {
    default: 'refuse', description: 'What to do with texts that hold control characters or code points that are none.'
  }),
  structured311: Type.Boolean({
    default: false, description: 'true: the payload of every message of MQTT 3.1.1 is a CloudEvent in JSON.'
  }),
  contentType: Type.Optional(Type.String({
    minLength: 3, maxLength: 255, pattern: '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *;.*)?$',
    description: 'The content type of messages that tell none, as all of MQTT 3.1.1; if absent, none.'
  })),
  onRefused: Type.Union([Type.Literal('close'), Type.Literal('acknowledge')], {
    default: 'close',
    description: 'What MQTT 3.1.1, which has no word for it, is told of a message that is refused for good. close: nothing, ' +
      'and its client is held off for longer each time. acknowledge: that it was taken; it is counted and gone.'
  })
} as const

const lasting = {
  keepAliveMaxMs: Type.Integer({
    default: 300_000, minimum: 1_000, maximum: 65_535_000,
    description: 'The longest keep alive of MQTT 5, also of clients that want none (Server Keep Alive).'
  }),
  sessionExpiryMaxMs: Type.Integer({
    default: 300_000, minimum: 0, maximum: 86_400_000,
    description: 'How long a session outlives its connection at most (Session Expiry Interval).'
  }),
  detachedSessionsMax: Type.Integer({
    default: 20_000, minimum: 0, maximum: 10_000_000,
    description: 'Sessions without a connection in a worker; above it one of the principal that has most of them ends at ' +
      'once, the one that would end next.'
  }),
  packetIdsBytesMax: Type.Unsafe<number>(bytes({
    default: '16MiB',
    description: 'Packet ids of QoS 2 that the sessions of a worker keep, with a connection or without, where one has more ' +
      'than 32 of them (8 KiB each); above it one of the principal that holds most ends at once, with its connection.'
  })),
  willBytesMax: Type.Unsafe<number>(bytes({
    default: '16MiB',
    description: 'Wills that a worker holds, with all that is kept for them; a CONNECT whose will is above it is refused.'
  })),
  pausedBytesMax: Type.Unsafe<number>(bytes({
    default: '64KiB', maximumBytes: 16_777_216,
    description: 'What is still read of a client whose messages wait, so that its pings are answered; then reading stops.'
  })),
  pausedTotalBytesMax: Type.Unsafe<number>(bytes({
    default: '16MiB',
    description: 'The same for all clients of a worker; at twice as much, one that sends more is told to come later.'
  })),
  outputBytesMax: Type.Unsafe<number>(bytes({
    default: '64KiB', maximumBytes: 16_777_216, description: 'Answers that a client has not taken yet; then reading stops.'
  })),
  writeTimeoutMs: Type.Integer({
    default: 10_000, minimum: 50, maximum: 600_000, description: 'How long a client may take to take them; then it is cut.'
  })
} as const

/** The `mqtt:` section. */
export const mqttConfig = Type.Object({ ...connecting, ...publishing, ...lasting }, {
  additionalProperties: false, default: {}, description: 'The MQTT door.'
})

export type MqttConfig = Static<typeof mqttConfig>
