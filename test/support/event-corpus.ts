// Events that are hard to pass on unchanged, in no protocol's words: for tests that send them through every door.

import type { ExtensionValue } from '../../src/contract/envelope.ts'

/** The types of CloudEvents ("Type System"). Forms that know fewer send text. */
type AttributeKind = 'text' | 'integer' | 'boolean' | 'uri' | 'uri-reference' | 'timestamp' | 'bytes'

export interface SampleExtension {
  readonly name: string
  readonly value: ExtensionValue
  readonly kind: AttributeKind
}

export interface SampleContext {
  readonly id: string
  readonly source: string
  readonly type: string
  readonly subject?: string
  readonly time?: string
  readonly dataschema?: string
  readonly extensions?: readonly SampleExtension[]
}

type Pairs = readonly (readonly [name: string, value: string])[]

export interface SampleEvent {
  readonly title: string
  /** The first level of its channel; says which route takes it. */
  readonly route: RouteName
  /** Absent: no CloudEvent, but data that the gateway wraps. */
  readonly context?: SampleContext
  /** Of data to wrap: the id that its sender gives it. */
  readonly idempotencyKey?: string
  readonly contentType?: string
  readonly data: Buffer | null
  /** What travels beside it, and reaches Kafka where its route lists the name. */
  readonly attributes?: Pairs
  readonly trace?: { readonly traceparent: string, readonly tracestate: string }
  /** True where nothing of it may be passed on. */
  readonly traceBroken?: boolean
  /** What its record key has to be; null where its route gives none. */
  readonly recordKey: string | null
}

/** Every route takes `NAME/{door}` to a topic of that door: of one partition, or of several where it has keys. */
export const sampleRoutes = {
  plain: { keyed: false, format: 'binary', settings: 'headers: [ x-trace, x-more ], allowTombstone: true' },
  whole: { keyed: false, format: 'structured', settings: 'format: structured, headers: [ x-trace ], allowTombstone: true' },
  bare: { keyed: false, format: 'raw', settings: 'format: raw, headers: [ x-more, x-trace ], allowTombstone: true' },
  pointed: { keyed: true, format: 'binary', settings: 'key: { pointer: /customer/id }' },
  extended: { keyed: true, format: 'structured', settings: 'format: structured, key: { extension: shard }' },
  sharded: { keyed: true, format: 'raw', settings: 'format: raw, key: { extension: shard }' },
  partitioned: { keyed: true, format: 'binary', settings: 'key: { extension: partitionkey }, allowTombstone: true' }
} as const satisfies Readonly<Record<string, RouteLine>>

interface RouteLine {
  readonly keyed: boolean
  readonly format: 'binary' | 'structured' | 'raw'
  readonly settings: string
}

type RouteName = keyof typeof sampleRoutes

const mebibyte = 1_048_576
const json = 'application/json'
const oddJson = '{ "b" :1e999,\t"a":\n[ 12345678901234567890123456789, -0, 1.50, "\\u00e9\\ud83c\\udf89\\/\\ud800", null ],"a": {} }'
const unicode = 'Gr\u00fc\u00dfe, \u65e5\u672c\u8a9e \ud83c\udf89 100% %41 "quoted" back\\slash ~'
const minimal: SampleContext = { id: '1', source: '/s', type: 't' }
const text = (name: string, value: string): SampleExtension => ({ name, value, kind: 'text' })

const texts: readonly SampleExtension[] = [
  text('7', 'a name of digits'), text('empty', ''), text('unicode', unicode), text('percent', '%25 and % and %zz'), text('blank', ' '),
  text('number', '007'), text('truth', 'true'), { name: 'link', value: 'https://example.com/a?b=%20c&d=%C3%BC#e', kind: 'uri' },
  { name: 'near', value: '../a%20b?c', kind: 'uri-reference' }, { name: 'bytes', value: 'AAEC/w==', kind: 'bytes' },
  { name: 'seen', value: '2026-01-31T09:30:00.123456789Z', kind: 'timestamp' }, text('averylongextensionname01234567890', 'x'),
  text('traceparent', '00-11111111111111111111111111111111-2222222222222222-00')
]
const typed: readonly SampleExtension[] = [
  { name: 'most', value: 2_147_483_647, kind: 'integer' }, { name: 'least', value: -2_147_483_648, kind: 'integer' },
  { name: 'nought', value: 0, kind: 'integer' }, { name: 'yes', value: true, kind: 'boolean' },
  { name: 'no', value: false, kind: 'boolean' }
]
const full: SampleContext = {
  id: `id ${unicode}`, source: 'https://example.com/a%20b?x=%C3%BC#f', type: 'com.example.\u00e9v\u00e9nement', subject: unicode,
  time: '2026-01-31T09:30:00.123456789+05:30', dataschema: 'https://example.com/schema%20of/order.json?v=1#top'
}
const trace = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'vendor=a b%20c,other=1'
}
const brokenTrace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01', tracestate: 'a=b' }
const longTrace = { traceparent: trace.traceparent, tracestate: `a=${'b'.repeat(511)}` }
const attributes: Pairs = [['x-trace', 'a "b" %41, c'], ['x-hidden', 'stays here'], ['x-more', '1']]
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, at) => at))

/** Bytes of no pattern that compression would find, the same every time. */
function noise (bytesCount: number): Buffer {
  const bytes = Buffer.allocUnsafe(bytesCount)
  for (let at = 0, state = 1; at < bytesCount; at++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0
    bytes[at] = state >>> 24
  }
  return bytes
}

const bodies: readonly (readonly [title: string, data: Buffer | null, contentType?: string])[] = [
  ['no data', null], ['no data of a type', null, json], ['no bytes as data', Buffer.alloc(0), 'text/plain'],
  ['odd JSON', Buffer.from(oddJson), json], ['null in JSON', Buffer.from('null'), json],
  ['JSON of a type of its own', Buffer.from('"x"'), 'application/vnd.example+json; charset=utf-8; v="a b"'],
  ['white space around JSON', Buffer.from('\r\n {"a":1}\t\n'), json], ['text', Buffer.from(`\ufeff${unicode}\r\n\0\u2028`), 'text/plain; charset=utf-8'],
  ['text that is no UTF-8', everyByte, 'text/plain; charset=utf-8'],
  ['every byte', everyByte, 'application/octet-stream'], ['every byte without a type', everyByte]
]

const samples: SampleEvent[] = []

for (const route of ['plain', 'whole', 'bare'] as const) {
  const add = (title: string, parts: Omit<SampleEvent, 'title' | 'route' | 'recordKey'>): void => {
    samples.push({ title: `${title} (${route})`, route, recordKey: null, ...parts })
  }
  for (const [title, data, contentType] of bodies) {
    const type = contentType === undefined ? {} : { contentType }
    add(`a CloudEvent with ${title}`, { context: { ...minimal, id: title }, data, ...type })
    add(`${title}, wrapped`, { idempotencyKey: `key "of" 1/${samples.length}`, data, ...type })
  }
  add('every attribute and text', { context: { ...full, extensions: texts }, contentType: json, data: Buffer.from(oddJson) })
  add('extensions with types', { context: { ...full, extensions: typed }, contentType: json, data: Buffer.from('1') })
  add('a trace and attributes', { context: full, contentType: json, data: Buffer.from('{}'), trace, attributes })
  add('a trace and attributes, wrapped', { idempotencyKey: 'k', contentType: json, data: Buffer.from('{}'), trace, attributes })
  add('a trace that is none', { context: full, data: Buffer.from('1'), trace: brokenTrace, traceBroken: true })
  add('a trace with a state that is too long, wrapped', { idempotencyKey: 'k', data: Buffer.from('1'), trace: longTrace })
  add('an id of unicode, wrapped', { idempotencyKey: unicode, data: Buffer.from('1') })
  for (const time of ['2026-01-31T09:30:00.12Z', '2026-01-31t09:30:00z', '1990-12-31T23:59:60.5-08:00']) {
    add(`the time ${time}`, { context: { ...minimal, time }, data: Buffer.from('1') })
  }
  add('no id, wrapped', { contentType: json, data: Buffer.from(oddJson) })
  add('no id and one line, wrapped', { contentType: json, data: Buffer.from('[1e999, -0]') })
}
samples.push(
  {
    title: '1 MiB of noise', route: 'plain', context: { ...minimal, id: 'large' }, contentType: 'application/octet-stream',
    data: noise(mebibyte), recordKey: null
  },
  {
    title: '1 MiB of JSON', route: 'whole', context: { ...minimal, id: 'large' }, contentType: json,
    data: Buffer.from(`"${'\u00e9'.repeat(mebibyte / 2 - 1)}"`), recordKey: null
  }
)
samples.push({
  title: 'a key within white space', route: 'pointed', context: minimal, contentType: json,
  data: Buffer.from('\n{"customer":{"id":"s"}}\n'), recordKey: 's'
})
for (const [at, [value, recordKey]] of ([
  ['"a\\u00e9\\ud83c\\udf89\\"\\/"', 'a\u00e9\ud83c\udf89"/'], ['1.50', '1.50'], ['1e999', '1e999'], ['true', 'true'], ['""', '']
] as const).entries()) {
  const data = Buffer.from(`{"customer": {"id" : ${value} }}`)
  samples.push(
    { title: `the key ${value}`, route: 'pointed', context: { ...minimal, id: `${at}` }, contentType: json, data, recordKey },
    { title: `the key ${value}, wrapped`, route: 'pointed', idempotencyKey: `k${at}`, contentType: json, data, recordKey }
  )
}
for (const key of [text('shard', unicode), text('shard', 's-1'), { name: 'shard', value: -12, kind: 'integer' }, { name: 'shard', value: true, kind: 'boolean' }] as const) {
  for (const route of ['extended', 'sharded'] as const) {
    samples.push({
      title: `the extension ${key.value} as key (${route})`, route, context: { ...minimal, extensions: [key] },
      contentType: json, data: Buffer.from('{}'), recordKey: String(key.value)
    })
  }
}
for (const key of ['p-1', 'p-2', unicode]) {
  samples.push({
    title: `the partitionkey ${key}`, route: 'partitioned', context: { ...full, extensions: [text('partitionkey', key)] }, data: null,
    recordKey: key
  })
}

const good: SampleEvent = { title: '', route: 'plain', context: minimal, data: Buffer.from('1'), recordKey: null }
const withExtension = (name: string, value = 'x'): Partial<SampleEvent> => ({ context: { ...minimal, extensions: [text(name, value)] } })

/** Events that no door may let through, in any form that can carry them. */
export const refusedEvents: readonly SampleEvent[] = ([
  ['no id', { context: { ...minimal, id: '' } }], ['no type', { context: { ...minimal, type: '' } }],
  ['a source that is no URI reference', { context: { ...minimal, source: 'a b' } }],
  ['a time that is none', { context: { ...minimal, time: '2026-01-31 09:30' } }],
  ['a schema that is no absolute URI', { context: { ...minimal, dataschema: 'order.json' } }],
  ['a control character', { context: { ...minimal, subject: 'a\u0001' } }],
  ['a noncharacter', withExtension('x', 'a\ufffe')], ['a name with a sign', withExtension('a_b')],
  ['an extension called data', withExtension('data')], ['an extension of the gateway', withExtension('unjudgedby')],
  ['a content type that is none', { contentType: 'json' }],
  ['a content type that is none, wrapped', { context: undefined, contentType: 'json' }],
  ['data that poses as an event', { contentType: 'application/cloudevents+json', data: Buffer.from('{"specversion":"1.0"}') }],
  ['data that poses as an event of another format', { contentType: 'Application/cloudevents+avro' }],
  ['data that poses as an event, wrapped', { context: undefined, contentType: 'application/cloudevents+json' }],
  ['JSON that is none', { contentType: json, data: Buffer.from('{"a":') }],
  ['JSON that is none, wrapped', { context: undefined, contentType: json, data: Buffer.from('{"a":') }],
  ['JSON of no bytes', { contentType: json, data: Buffer.alloc(0) }],
  ['no data', { route: 'pointed', data: null }], ['no key in the data', { route: 'pointed', contentType: json }],
  ['no key among the extensions', { route: 'sharded' }],
  ['a key that is too long', { route: 'sharded', ...withExtension('shard', 'k'.repeat(1_025)) }],
  ['an id of data that is too long', { context: undefined, idempotencyKey: 'k'.repeat(256) }]
] as const satisfies readonly (readonly [string, Omit<Partial<SampleEvent>, 'context'> & { context?: SampleContext | undefined }])[])
  .map(([title, parts]): SampleEvent => ({ ...good, ...parts, title }) as SampleEvent)

/** In the order in which they are to be sent. */
export const eventCorpus: readonly SampleEvent[] = samples
