// What an operator can set about listeners: where they listen, over TLS or not, and how long a peer may take.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import { networkPattern } from '../contract/address.ts'
import { origins } from '../contract/setting.ts'

const tls = Type.Object({
  cert: Type.String({ minLength: 1, description: 'PEM file with the certificate chain.' }),
  key: Type.String({ minLength: 1, description: 'PEM file with the private key.' }),
  minVersion: Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')], {
    default: 'TLSv1.2', description: 'The oldest TLS version a client may speak.'
  }),
  clientCa: Type.Optional(Type.String({
    minLength: 1, description: 'PEM file with the authorities whose client certificates are taken; if absent, none is asked for.'
  })),
  clientCertificate: Type.Optional(Type.Union([Type.Literal('require'), Type.Literal('request')], {
    description: 'require (default with clientCa): no connection without a valid certificate. request: a client may have ' +
      'none; one that is not valid counts as none.'
  })),
  crl: Type.Optional(Type.String({
    minLength: 1,
    description: 'PEM file with a certificate revocation list of every authority in clientCa, none of them out of date.'
  }))
}, { additionalProperties: false, description: 'Serve over TLS; the files are read again when they change.' })

const network = Type.String({ pattern: networkPattern })

const common = {
  host: Type.String({ default: '127.0.0.1', minLength: 1, description: 'The address to listen on.' }),
  port: Type.Integer({ minimum: 0, maximum: 65_535, description: 'The TCP port; 0 takes a free one.' })
} as const

const dataFields = {
  ...common,
  tls: Type.Optional(tls),
  proxyProtocol: Type.Boolean({
    default: false,
    description: 'true: every connection begins with a PROXY header (version 1 or 2) that tells whose it is, ahead of TLS.'
  }),
  trustedProxies: Type.Array(network, {
    default: [], maxItems: 1_000,
    description: 'Who may connect with a PROXY header, as addresses or networks such as 10.0.0.0/8; all others are cut.'
  }),
  insecure: Type.Boolean({
    default: false,
    description: 'true: allow a non-loopback address without TLS or without any authentication.'
  })
} as const

const httpListener = Type.Object({
  protocol: Type.Literal('http', { description: 'http: REST and WebSocket.' }), ...dataFields
}, { additionalProperties: false })

const grpcListener = Type.Object({
  protocol: Type.Literal('grpc', { description: 'grpc: gRPC, over HTTP/2.' }), ...dataFields
}, { additionalProperties: false })

const mqttListener = Type.Object({
  protocol: Type.Literal('mqtt', { description: 'mqtt: MQTT 3.1.1 and 5.' }),
  transport: Type.Union([Type.Literal('tcp'), Type.Literal('websocket')], {
    default: 'tcp', description: 'What carries MQTT: a connection of its own, or WebSocket frames (MQTT 5, section 6).'
  }),
  origins: Type.Unsafe<readonly string[]>(origins),
  ...dataFields
}, { additionalProperties: false })

const healthListener = Type.Object({
  protocol: Type.Literal('health', { description: 'health: /livez, /readyz and /metrics, nothing secret.' }),
  ...common
}, { additionalProperties: false })

const adminListener = Type.Object({
  protocol: Type.Literal('admin', { description: 'admin: the state of this node, and disabling principals.' }),
  ...common,
  tls: Type.Optional(tls),
  insecure: Type.Boolean({
    default: false, description: 'Of an admin listener: allow one without TLS, whose tokens can be read on the way.'
  })
}, { additionalProperties: false })

/** The `listeners:` section. */
export const listenersConfig = Type.Array(Type.Union([
  httpListener, grpcListener, mqttListener, healthListener, adminListener
]), {
  minItems: 1, maxItems: 100, description: 'Where the gateway listens.'
})

/** How patient a connection is; the `connections:` section. */
export const connectionsConfig = Type.Object({
  headerBytesMax: Type.Integer({
    default: 16_384, minimum: 1_024, maximum: 1_048_576, description: 'Size of all headers of one request.'
  }),
  headersTimeoutMs: Type.Integer({ default: 10_000, minimum: 100, description: 'How long the headers of a request may take.' }),
  keepAliveTimeoutMs: Type.Integer({ default: 65_000, minimum: 0, description: 'How long an idle connection is kept.' }),
  idleTimeoutMs: Type.Integer({
    default: 120_000, minimum: 1_000,
    description: 'How long a connection may stand still in both directions while a request is under way.'
  }),
  handshakeTimeoutMs: Type.Integer({
    default: 10_000, minimum: 100, description: 'How long a TLS handshake, or a PROXY header, may take.'
  }),
  handshakesPerSecondMax: Type.Integer({
    default: 1_000, minimum: 1, maximum: 1_000_000,
    description: 'TLS handshakes that begin in a second, in all workers; others wait for handshakeTimeoutMs at most, one ' +
      'address after the other.'
  }),
  frameBytesMax: Type.Integer({
    default: 1_048_576, minimum: 1_024, maximum: 268_435_456,
    description: 'Size of one WebSocket frame that carries MQTT; unfinished ones of a listener may hold 16 times as much.'
  })
}, { additionalProperties: false, default: {}, description: 'How long a peer may take, and how much it may say.' })

export type DataListenerSettings =
  Static<typeof httpListener> | Static<typeof grpcListener> | Static<typeof mqttListener>
export type HealthListenerSettings = Static<typeof healthListener>
export type AdminListenerSettings = Static<typeof adminListener>
export type ListenerSettings = DataListenerSettings | HealthListenerSettings | AdminListenerSettings

/** True for listeners that take events: workers open them, all others are the node's own. */
export function isDataListener (listener: ListenerSettings): listener is DataListenerSettings {
  return listener.protocol !== 'health' && listener.protocol !== 'admin'
}
export type ConnectionsSettings = Static<typeof connectionsConfig>
