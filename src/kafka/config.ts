// Settings of the Kafka sink: which cluster, how to reach it, and how records are batched on their way there.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Secret } from '../contract/secret.ts'
import { bytes, secret } from '../contract/setting.ts'
import type { BrokerAddress } from './broker-link.ts'

const tls = Type.Union([
  Type.Literal(true, { description: 'TLS, verified by the certificate authorities this machine trusts.' }),
  Type.Object({
    ca: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of the certificate authorities to trust.' })),
    cert: Type.Optional(Type.String({ minLength: 1, description: 'PEM file with a client certificate chain.' })),
    key: Type.Optional(Type.String({ minLength: 1, description: 'PEM file with the key of the client certificate.' })),
    servername: Type.Optional(Type.String({
      minLength: 1, description: 'The name the brokers\' certificates carry, where it is not the host name.'
    }))
  }, {
    additionalProperties: false,
    description: 'TLS. Paths are relative to the working directory; the files are read again at every connection.'
  })
], { description: 'Encrypt and verify the connections to Kafka. Verification cannot be turned off.' })

const mechanism = { description: 'The SASL mechanism of the listener.' }

function byPassword <Mechanism extends string> (name: Mechanism) {
  return Type.Object({
    mechanism: Type.Literal(name, mechanism),
    username: Type.String({ minLength: 1, description: 'With plain and scram: the user at Kafka.' }),
    password: Type.Unsafe<Secret>(secret({ description: 'The password of that user, read again at every login.' }))
  }, { additionalProperties: false })
}

const byToken = Type.Object({
  mechanism: Type.Literal('oauthbearer', mechanism),
  token: Type.Optional(Type.Unsafe<Secret>(secret({
    description: 'With oauthbearer: the token, read again at every login, so that another program can renew it in its file.'
  }))),
  tokenUrl: Type.Optional(Type.String({
    pattern: '^(https://|http://(localhost|127\\.0\\.0\\.1)[:/])[^\\s@]+$',
    description: 'With oauthbearer, in place of a token: where an authorization server gives tokens to clients (RFC 6749 ' +
      'section 4.4). One token serves all connections of a worker for 80% of its life.'
  })),
  clientId: Type.Optional(Type.String({ minLength: 1, description: 'The client that asks at `tokenUrl`.' })),
  clientSecret: Type.Optional(Type.Unsafe<Secret>(secret({
    description: 'The secret of that client, read again for every token.'
  }))),
  scope: Type.Optional(Type.String({ minLength: 1, description: 'The scope to ask for at `tokenUrl`, where it wants one.' })),
  extensions: Type.Optional(Type.Record(
    Type.String({ pattern: '^(?!auth$)[A-Za-z]+$' }),
    Type.String({
      pattern: '^[\\x20-\\x7e]+$', description: 'A value that goes to the broker beside the token, by its name (KIP-342).'
    }),
    { additionalProperties: false, description: 'SASL extensions, where the cluster wants some.' }
  ))
}, { additionalProperties: false })

const byAws = Type.Object({
  mechanism: Type.Literal('aws-msk-iam', mechanism),
  region: Type.String({ pattern: '^[a-z]+(-[a-z0-9]+)+$', description: 'With aws-msk-iam: its region, e.g. us-east-1.' }),
  roleArn: Type.Optional(Type.String({
    pattern: '^arn:[a-z-]+:iam::[0-9]{12}:role/\\S+$',
    description: 'With aws-msk-iam: the role to assume. Without role and profile, the credentials are those that every ' +
      'program of AWS finds: environment variables, shared files, the role of the pod or machine.'
  })),
  profile: Type.Optional(Type.String({
    minLength: 1, description: 'With aws-msk-iam: the profile of the shared files of AWS, in place of a role.'
  }))
}, { additionalProperties: false })

const sasl = Type.Union([
  byPassword('plain'), byPassword('scram-sha-256'), byPassword('scram-sha-512'), byToken, byAws
], { description: 'How to log in at Kafka. The driver kafkajs knows plain and scram only.' })

const producer = Type.Object({
  lingerMs: Type.Integer({
    default: 0, minimum: 0, maximum: 1_000,
    description: 'How long the first record of a batch may wait for company, in milliseconds. 0 waits for the current ' +
      'turn of the event loop only; batches still grow while the one before them is under way.'
  }),
  batchBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', minimumBytes: 1_024, maximumBytes: 16_777_216,
    description: 'Size at which a batch is sent at once. A larger record travels alone. Keep it within the topic\'s ' +
      '`max.message.bytes`; a batch that Kafka finds too large is split.'
  })),
  deliveryTimeoutMs: Type.Integer({
    default: 30_000, minimum: 1_000, maximum: 3_600_000,
    description: 'How long a batch that may have been written is sent again under its own sequence numbers, in ' +
      'milliseconds, when nobody waits for it any more.'
  }),
  compression: Type.Union([
    Type.Literal('none'), Type.Literal('gzip'), Type.Literal('snappy'), Type.Literal('lz4'), Type.Literal('zstd')
  ], {
    default: 'none',
    description: 'Compression of the batches, where a route names no other. zstd makes them smallest at little cost; snappy and lz4 are for readers ' +
      'that know no zstd. Batches below 1 KiB are left as they are. The driver kafkajs knows only none and gzip.'
  }),
  topicsMax: Type.Integer({
    default: 100, minimum: 1, maximum: 10_000,
    description: 'Topics each worker may write to at a time. Each has a producer with its own connection to each ' +
      'broker that leads a partition of it; the one used least recently makes room.'
  })
}, { additionalProperties: false, default: {}, description: 'How records are batched and how long they are tried.' })

/** The `kafka:` section. */
export const kafkaConfig = Type.Object({
  brokers: Type.Array(Type.String({
    pattern: '^[^:\\s/\\[\\]]+:[0-9]{1,5}$', description: 'Host:port of a broker.'
  }), { minItems: 1, maxItems: 100, description: 'Brokers to ask first; they tell the rest of the cluster.' }),
  tls: Type.Optional(tls),
  sasl: Type.Optional(sasl),
  clientId: Type.String({
    default: 'sluice', minLength: 1, maxLength: 200, description: 'The name Kafka\'s logs and quotas know this gateway by.'
  }),
  driver: Type.Union([Type.Literal('native'), Type.Literal('kafkajs')], {
    default: 'native',
    description: 'What carries the records: the producer core of this gateway, or the library kafkajs, which costs more ' +
      'CPU and may repeat records after an outage.'
  }),
  connectionTimeoutMs: Type.Integer({
    default: 5_000, minimum: 100, maximum: 120_000,
    description: 'How long a connection to a broker, with its TLS handshake, may take, in milliseconds.'
  }),
  producer
}, { additionalProperties: false, description: 'The Kafka cluster that events are written to.' })

export type KafkaSettings = Static<typeof kafkaConfig>
export type ProducerSettings = Static<typeof producer>

/** Where a broker of the config, or of a cluster's own list, listens; it is written as host:port. */
export function addressOf (broker: string): BrokerAddress {
  const at = broker.lastIndexOf(':')
  return { host: broker.slice(0, at), port: Number(broker.slice(at + 1)) }
}
