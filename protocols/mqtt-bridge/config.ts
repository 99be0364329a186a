// Settings of the MQTT bridge: which brokers it reads from, what it subscribes to, and as whom its events come in.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Secret } from '../../src/contract/secret.ts'
import { bytes, secret } from '../../src/contract/setting.ts'

const tls = Type.Object({
  ca: Type.Optional(Type.String({
    minLength: 1, description: 'PEM file of the authorities to trust; if absent, those that this machine trusts.'
  })),
  cert: Type.Optional(Type.String({ minLength: 1, description: 'PEM file with a client certificate chain.' })),
  key: Type.Optional(Type.String({ minLength: 1, description: 'PEM file with the key of the client certificate.' })),
  servername: Type.Optional(Type.String({
    minLength: 1, description: 'The name that the certificate of the broker carries, where it is not the host of the URL.'
  }))
}, {
  additionalProperties: false,
  description: 'What TLS is made from, with an mqtts URL. Paths are relative to the working directory; the files are ' +
    'read again at every connection. Verification cannot be turned off.'
})

const subscription = Type.String({
  minLength: 1, maxLength: 1_024,
  description: 'A topic filter. All workers of all nodes share the messages of `$share/GROUP/FILTER`; any other filter ' +
    'is subscribed to by one worker of each node.'
})

/** One bridge: one broker, and what is read from it. */
const bridge = Type.Object({
  name: Type.String({
    pattern: '^[A-Za-z0-9_-]{1,64}$', description: 'Its name in logs, and the beginning of its client ids.'
  }),
  url: Type.String({
    pattern: '^mqtts?://([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?/?$',
    description: 'Where the broker listens: mqtt://HOST:PORT, or mqtts:// over TLS. Ports 1883 and 8883 unless told.'
  }),
  tls: Type.Optional(tls),
  version: Type.Union([Type.Literal('3.1.1'), Type.Literal(5)], {
    default: 5, description: 'The version of MQTT that the broker is spoken to in.'
  }),
  username: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024, description: 'The user at the broker.' })),
  password: Type.Optional(Type.Unsafe<Secret>(secret({ description: 'Its password, read again at every connection.' }))),
  node: Type.Optional(Type.String({
    pattern: '^[A-Za-z0-9._-]{1,64}$',
    description: 'The name of this node in client ids, which are NAME-NODE-WORKER; the host\'s name unless told. Give a ' +
      'name that lasts: the session of another name is another session.'
  })),
  subscriptions: Type.Array(subscription, { minItems: 1, maxItems: 100, description: 'What it subscribes to, at QoS 1.' }),
  principal: Type.Optional(Type.String({
    minLength: 1, maxLength: 128,
    description: 'The principal of the config that its events come from; policies and limits take them as its own. ' +
      'Needed where `authentication` asks anybody.'
  })),
  stripPrefix: Type.String({
    default: '', maxLength: 255, description: 'What a topic loses at its beginning to become a channel, where it has it.'
  }),
  addPrefix: Type.String({
    default: '', maxLength: 255, description: 'What a channel then gets at its beginning, e.g. `plant1/`.'
  }),
  contentType: Type.Optional(Type.String({
    minLength: 1, maxLength: 255,
    description: 'The content type of messages that name none, which is every one of 3.1.1. ' +
      'application/cloudevents+json: each is a CloudEvent.'
  })),
  inFlightEventsMax: Type.Integer({
    default: 1_000, minimum: 1, maximum: 65_535,
    description: 'Events of one connection without an outcome. In version 5 the broker is told (Receive Maximum); in ' +
      '3.1.1 it has a limit of its own, and reading stops at this one.'
  }),
  packetBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', minimumBytes: 1_024, maximumBytes: 268_435_455,
    description: 'The largest packet. In version 5 the broker is told, and drops what is larger; in 3.1.1 a larger one ' +
      'ends the connection each time it comes, so set it as large as the broker\'s own limit.'
  })),
  readAheadBytesMax: Type.Unsafe<number>(bytes({
    default: '256KiB', minimumBytes: 1_024, maximumBytes: 268_435_456,
    description: 'Messages of one connection that are read while there is no room for them; then reading stops.'
  })),
  keepAliveMs: Type.Integer({
    default: 60_000, minimum: 1_000, maximum: 65_535_000,
    description: 'How long the connection may be silent (Keep Alive, in whole seconds); it is tested in half that time.'
  }),
  sessionExpiryMs: Type.Integer({
    default: 86_400_000, minimum: 1_000, maximum: 4_294_967_294_000,
    description: 'How long a broker of version 5 keeps the session, and what it holds for it, while the bridge is away.'
  }),
  connectTimeoutMs: Type.Integer({
    default: 10_000, minimum: 100, maximum: 120_000,
    description: 'How long it may take until the broker has taken connection and subscriptions.'
  }),
  reconnectDelayMaxMs: Type.Integer({
    default: 30_000, minimum: 100, maximum: 3_600_000,
    description: 'The longest pause between two attempts to connect; the first is at most 200 ms, each may double, and ' +
      'chance shortens it.'
  }),
  retryDelayMaxMs: Type.Integer({
    default: 10_000, minimum: 100, maximum: 600_000,
    description: 'The longest pause before events that could not be written are tried again.'
  }),
  onRefused: Type.Union([Type.Literal('acknowledge'), Type.Literal('stop')], {
    default: 'acknowledge',
    description: 'What becomes of a message that is refused for good (malformed, forbidden, no-route, invalid-event, ' +
      'too-large). acknowledge: the broker drops it; it is counted and logged. stop: nothing more is read until a restart.'
  }),
  onUndeliverable: Type.Union([Type.Literal('hold'), Type.Literal('acknowledge')], {
    default: 'hold',
    description: 'What becomes of a message that Kafka refuses for good (topic missing, access denied, record too ' +
      'large). hold: it is tried until somebody mends that; those behind it may be written, up to inFlightEventsMax, but ' +
      'acknowledged after it, so a restart meanwhile writes them again. acknowledge: the broker drops it.'
  })
}, { additionalProperties: false })

/** The `mqttBridge:` section. */
export const bridgeConfig = Type.Array(bridge, {
  maxItems: 100, description: 'MQTT brokers whose messages are read as events. If absent, none.'
})

export type BridgeSettings = Static<typeof bridge>
