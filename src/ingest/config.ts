// What an operator can set about routes and limits: schemas, types, defaults and descriptions in one declaration.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import { bytes } from '../contract/setting.ts'

const parameter = Type.Object({
  enum: Type.Optional(Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1, maxItems: 1000, description: 'The values this channel level may have.'
  })),
  pattern: Type.Optional(Type.String({
    minLength: 1, description: 'A regular expression (RE2 syntax) that the whole level must match.'
  }))
}, { additionalProperties: false, description: 'What a `{name}` level of the channel may be.' })

const key = Type.Object({
  template: Type.Optional(Type.String({ description: 'Text over channel parameters, e.g. `{region}`.' })),
  pointer: Type.Optional(Type.String({ pattern: '^(/.*)?$', description: 'JSON pointer into the data, e.g. /customerId.' })),
  extension: Type.Optional(Type.String({ pattern: '^[a-z0-9]+$', description: 'A CloudEvents extension, e.g. partitionkey.' })),
  principal: Type.Optional(Type.Literal(true, { description: 'The name of whoever sends.' }))
}, {
  additionalProperties: false, minProperties: 1, maxProperties: 1,
  description: 'Where the record key comes from; without it the key is null and records spread over partitions.'
})

// The keys of one route that every door shares. Adapters and policies add theirs.
const routeProperties = {
  name: Type.String({ pattern: '^[a-zA-Z0-9._-]{1,64}$', description: 'The name in logs and metrics.' }),
  channel: Type.String({
    minLength: 1, description: 'The address on every door; `{name}` takes one level, a last `{name*}` takes the rest.'
  }),
  parameters: Type.Optional(Type.Record(Type.String(), parameter, {
    description: 'A pattern or an enum for each parameter of the channel.'
  })),
  topic: Type.String({ minLength: 1, maxLength: 249, description: 'The Kafka topic; may use channel parameters.' }),
  key: Type.Optional(key),
  source: Type.Optional(Type.String({
    minLength: 1, description: 'CloudEvents source of events that are not CloudEvents; default: / and the channel.'
  })),
  type: Type.String({
    minLength: 1, default: 'sluice.event', description: 'CloudEvents type of events that are not CloudEvents.'
  }),
  headers: Type.Array(Type.String({ pattern: '^[a-z0-9!#$%&\'*+.^_`|~-]+$' }), {
    default: [], maxItems: 64, description: 'Attributes (HTTP headers and the like), lower case, that travel to Kafka.'
  }),
  ack: Type.Optional(Type.Union([Type.Literal('kafka'), Type.Literal('disk'), Type.Literal('none')], {
    description: 'What a success means: kafka (in-sync replicas have it), disk (journal fsync), none (received); ' +
      'default: what the sink can promise.'
  })),
  format: Type.Union([
    Type.Literal('binary'), Type.Literal('structured'), Type.Literal('raw'), Type.Literal('kong')
  ], {
    default: 'binary',
    description: 'The record: CloudEvents binary or structured mode, raw (value and listed headers only), ' +
      'or kong (the JSON wrapper of Kong\'s kafka-upstream plugin).'
  }),
  compression: Type.Optional(Type.Union([
    Type.Literal('none'), Type.Literal('gzip'), Type.Literal('snappy'), Type.Literal('lz4'), Type.Literal('zstd')
  ], {
    description: 'Compression of the batches of its topics at Kafka; default: kafka.producer.compression. Routes that ' +
      'can feed the same topic need the same one.'
  })),
  json: Type.Union([Type.Literal('check'), Type.Literal('trust')], {
    default: 'check', description: 'check: data that says it is JSON is refused when it is not well-formed.'
  }),
  allowTombstone: Type.Boolean({ default: false, description: 'true: an event without data becomes a null value.' }),
  topicsMax: Type.Integer({
    default: 100, minimum: 1, maximum: 10_000, description: 'How many topics the topic template may produce in a worker.'
  })
} as const

/** One route without what adapters and policies add. */
export const routeConfig = Type.Object(routeProperties)
export type RouteSettings = Static<typeof routeConfig>

/** The `limits:` section. */
export const limitsConfig = Type.Object({
  memoryBytesMax: Type.Unsafe<number>(bytes({
    default: '512MiB', minimumBytes: 301_989_888,
    description: 'Memory of the whole node: 128 MiB for the process, the rest for its workers, at least 160 MiB ' +
      'each; sets how many there are, and the heap limit of each.'
  })),
  bufferBytesMax: Type.Unsafe<number>(bytes({
    default: '64MiB', minimumBytes: 1_048_576, description: 'Bytes of events held by the node between receiving and answering.'
  })),
  preAuthBytesMax: Type.Unsafe<number>(bytes({
    default: '32MiB', minimumBytes: 65_536,
    description: 'Bytes that connections which have not authenticated yet may hold on the node; one address at most half.'
  })),
  connectionsMax: Type.Integer({ default: 10_000, minimum: 1, description: 'Open connections of the node, all listeners; each worker has its share. How many there may be depends on the memory.' }),
  connectionsPerPeerMax: Type.Integer({ default: 2_000, minimum: 1, description: 'Open connections of one peer address.' }),
  failedLoginsMax: Type.Integer({
    default: 20, minimum: 0, maximum: 1_000_000,
    description: 'Wrong credentials of one address (one /64 of IPv6) in a minute, all workers; one more and the address ' +
      'is held up for 1 s, then at each further one twice as long, up to 5 minutes; a doubling is forgotten after ten. ' +
      '0: no bound.'
  }),
  sessionsMax: Type.Integer({
    default: 100_000, minimum: 1, maximum: 10_000_000,
    description: 'Sessions of named clients (MQTT) on the node, of those that are connected and those that may come back.'
  }),
  inFlightEventsMax: Type.Integer({
    default: 100_000, minimum: 1, maximum: 1_000_000, description: 'Events between receiving and answering, per worker.'
  }),
  keyBytesMax: Type.Unsafe<number>(bytes({ default: '1KiB', maximumBytes: 65_536, description: 'Size of a record key.' })),
  quotaFile: Type.String({
    minLength: 1, default: './data/quotas',
    description: 'File in which the counts of quotas survive a restart. One gateway at a time: a second one does not ' +
      'start. Relative to the working directory.'
  }),
  replyTimeoutMs: Type.Integer({
    default: 8_000, minimum: 1, description: 'How long a sender waits: then unsent events are refused, sent ones unknown.'
  }),
  requestTimeoutMs: Type.Integer({ default: 5_000, minimum: 1, description: 'How long one request to Kafka may take.' }),
  drainMs: Type.Integer({ default: 20_000, minimum: 0, description: 'How long stopping waits for events in flight.' })
}, { additionalProperties: false, default: {}, description: 'Bounds of the whole gateway.' })

export type LimitsSettings = Static<typeof limitsConfig>
