// A small config schema with one of everything that rooms declare, for the tests of the config room.

import { Type } from 'typebox'
import { bytes, secret } from '../../src/contract/setting.ts'
import type { PolicyModule } from '../../src/contract/policy.ts'
import type { SchemaParts } from '../../src/config/schema.ts'

const closed = { additionalProperties: false }

const tls = Type.Object({
  cert: Type.String({ description: 'Certificate chain.' }), key: Type.String({ description: 'Private key.' })
}, closed)

const health = Type.Object({
  protocol: Type.Literal('health', { description: 'What is spoken there.' }),
  host: Type.String({ default: '127.0.0.1', description: 'Address to listen on.' }),
  port: Type.Integer({ minimum: 0, maximum: 65_535, description: 'TCP port.' })
})

const data = Type.Object({
  protocol: Type.Literal('http', { description: 'What is spoken there.' }),
  host: Type.String({ default: '127.0.0.1', description: 'Address to listen on.' }),
  port: Type.Integer({ minimum: 0, maximum: 65_535, description: 'TCP port.' }),
  tls: Type.Optional(tls),
  insecure: Type.Boolean({ default: false, description: 'True: open to the network without protection.' })
})

const sasl = Type.Object({
  mechanism: Type.Union([Type.Literal('plain'), Type.Literal('scram-sha-512')], { description: 'How to log in.' }),
  username: Type.String({ description: 'User.' }),
  password: Type.Unsafe<string>(secret({ description: 'Password.' }))
})

const producer = Type.Object({
  lingerMs: Type.Integer({ default: 5, minimum: 0, description: 'Wait for more events.' }),
  batchBytesMax: Type.Unsafe<number>(bytes({ default: '1MiB', maximumBytes: 16_777_216, description: 'Largest batch.' })),
  deliveryTimeoutMs: Type.Integer({ default: 30_000, minimum: 1, description: 'When delivery is given up.' })
})

const route = Type.Object({
  name: Type.String({ description: 'Name of the route.' }),
  channel: Type.String({ description: 'Channel pattern.' }),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Object({
    enum: Type.Optional(Type.Array(Type.String())), pattern: Type.Optional(Type.String())
  }))),
  topic: Type.String({ description: 'Topic template.' }),
  // A union of mappings: defaults inside a branch must come through.
  key: Type.Optional(Type.Union([
    Type.Object({ pointer: Type.String(), missing: Type.String({ default: 'refuse' }) }),
    Type.Object({ template: Type.String() })
  ])),
  ack: Type.Optional(Type.Union([Type.Literal('kafka'), Type.Literal('disk'), Type.Literal('none')], {
    description: 'When the sender is told.'
  })),
  topicsMax: Type.Integer({ default: 100, minimum: 1, description: 'Topics of this route.' })
})

export const testPolicies: readonly PolicyModule[] = [
  {
    name: 'auth-api-key', kind: 'authenticator',
    config: Type.Object({ header: Type.String({ default: 'x-api-key', description: 'Header with the key.' }) }),
    credential: { name: 'apiKey', schema: Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description: 'Hash of the key.' }) },
    create: () => { throw new Error('the config room creates no policy') }
  },
  {
    name: 'acl', kind: 'judge', scope: 'request',
    config: Type.Object({
      allow: Type.Array(Type.String(), { description: 'Who may send.' }),
      deny: Type.Array(Type.String(), { default: [], description: 'Who may not.' })
    }),
    create: () => { throw new Error('the config room creates no policy') }
  },
  {
    name: 'payload-limit', kind: 'judge', scope: 'event',
    config: Type.Object({ bytesMax: Type.Unsafe<number>(bytes({ default: '1MiB', description: 'Largest data.' })) }),
    create: () => { throw new Error('the config room creates no policy') }
  }
]

export const testParts: SchemaParts = {
  conduct: {},
  listeners: Type.Array(Type.Union([data, health]), { description: 'The sockets.' }),
  limits: Type.Object({
    memoryBytesMax: Type.Unsafe<number>(bytes({ default: '512MiB', description: 'Memory of the node.' })),
    bufferBytesMax: Type.Unsafe<number>(bytes({ default: '64MiB', description: 'Bytes held at once.' })),
    replyTimeoutMs: Type.Integer({ default: 8_000, minimum: 1, description: 'When a sender is answered at the latest.' })
  }),
  kafka: Type.Object({
    brokers: Type.Array(Type.String(), { minItems: 1, description: 'Brokers to start from.' }),
    sasl: Type.Optional(sasl),
    producer
  }, { description: 'The cluster.' }),
  journal: Type.Object({ dir: Type.String({ default: './data/journal', description: 'Folder.' }) }),
  observe: { log: Type.Object({
    level: Type.Union([Type.Literal('info'), Type.Literal('debug')], { default: 'info', description: 'How much is logged.' })
  }) },
  routes: route,
  adapters: [{
    name: 'rest',
    config: Type.Object({
      decompressedBytesMax: Type.Unsafe<number>(bytes({ default: '4MiB', description: 'Largest body.' }))
    }),
    routeConfig: {
      http: Type.Optional(Type.Object({
        path: Type.String(), methods: Type.Array(Type.String(), { default: ['POST'] })
      }))
    }
  }],
  policies: testPolicies
}
