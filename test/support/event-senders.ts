// Sends the events of the corpus through one door in one of its forms, and says which of them the form cannot carry.

import { isUtf8 } from 'node:buffer'
import { isJson, mediaType } from '../../src/contract/media-type.ts'
import { sampleRoutes } from './event-corpus.ts'
import type { SampleContext, SampleEvent } from './event-corpus.ts'

/** Where the gateway listens, and the last level of the channels of this door. */
export interface Place { readonly ports: readonly number[], readonly door: string }

/** One way to send. */
export interface EventSender {
  /** Also part of topic and channel names. */
  readonly name: string
  /** Why it cannot carry an event so that its record is the same as by any other door; undefined where it can. */
  lack (sample: SampleEvent): Lack | undefined
  /** Sends all in order; resolves when all are written, else rejects. */
  send (samples: readonly SampleEvent[], place: Place): Promise<void>
}

/** All reasons for which records are not the same by every door. The READMEs of the doors say them too. */
const whyNot = {
  cloudEventsOnly: 'what it carries is a CloudEvent',
  dataOnly: 'what it carries is data of JSON, to be wrapped, without an id',
  oneLine: 'its data has no line feeds',
  emptyIsNone: 'no bytes are no data',
  noTypes: 'its attributes are text, so that integers and booleans arrive as text',
  asciiKeys: 'the id of data to wrap is ASCII',
  otherNames: 'names that no attribute can have are none',
  noKeys: 'it has no place for the id of data to wrap',
  oneTrace: 'a trace context is an extension too',
  nothingBeside: 'it has no place for what travels beside an event'
} as const

export type Lack = (typeof whyNot)[keyof typeof whyNot]

export function channelOf ({ route }: SampleEvent, { door }: Place): string { return `${route}/${door}` }

/** True where the types of extensions reach the record: elsewhere all are written as text. */
function showsTypes ({ route, context, data }: SampleEvent): boolean {
  const extensions = context?.extensions ?? []
  return sampleRoutes[route].format === 'structured' && data !== null && extensions.some(({ value }) => typeof value !== 'string')
}

export const lackOf = {
  cloudEventsOnly: ({ context }: SampleEvent) => context === undefined ? whyNot.cloudEventsOnly : undefined,
  dataOnly: (sample: SampleEvent) => sample.context !== undefined || sample.idempotencyKey !== undefined ||
    sample.contentType !== 'application/json' || !isBareJson(sample) ? whyNot.dataOnly : undefined,
  oneLine: ({ data }: SampleEvent) => data?.includes('\n') === true ? whyNot.oneLine : undefined,
  emptyIsNone: ({ data }: SampleEvent) => data?.length === 0 ? whyNot.emptyIsNone : undefined,
  otherNames: ({ context }: SampleEvent) =>
    context?.extensions?.some(({ name }) => !/^[a-z0-9]+$/.test(name)) === true ? whyNot.otherNames : undefined,
  noKeys: ({ idempotencyKey }: SampleEvent) => idempotencyKey === undefined ? undefined : whyNot.noKeys,
  oneTrace: ({ context, trace }: SampleEvent) => context !== undefined &&
    (trace !== undefined || context.extensions?.some(({ name }) => name === 'traceparent') === true) ? whyNot.oneTrace : undefined,
  asciiKeys: ({ idempotencyKey = '' }: SampleEvent) => /[^\x20-\x7e]/.test(idempotencyKey) ? whyNot.asciiKeys : undefined,
  noTypes: (sample: SampleEvent) => showsTypes(sample) ? whyNot.noTypes : undefined,
  nothingBeside: ({ attributes, trace }: SampleEvent) =>
    attributes !== undefined || trace !== undefined ? whyNot.nothingBeside : undefined
} as const

/** The data where it can stand as a value in a JSON text: JSON without white space around it. */
export function isBareJson ({ data, contentType }: SampleEvent): boolean {
  return data !== null && isJson(mediaType(contentType)) && data.toString() === data.toString().trim()
}

/** The data where it can stand as a text in JSON, by a type that says so. */
export function isText ({ data, contentType }: SampleEvent): boolean {
  return data !== null && contentType?.startsWith('text/') === true && isUtf8(data)
}

/** What goes beside an event as headers: its attributes and its trace context. */
export function besideOf ({ attributes = [], trace }: SampleEvent): [name: string, value: string][] {
  const pairs = attributes.map(([name, value]): [string, string] => [name, value])
  if (trace !== undefined) pairs.push(['traceparent', trace.traceparent], ['tracestate', trace.tracestate])
  return pairs
}

/** The attributes of a context but for its data's type: name and value, as text. */
export function contextPairs (context: SampleContext): [name: string, value: string][] {
  const { id, source, type, subject, time, dataschema, extensions = [] } = context
  const pairs: [string, string | undefined][] = [
    ['specversion', '1.0'], ['id', id], ['source', source], ['type', type], ['subject', subject], ['time', time],
    ['dataschema', dataschema], ...extensions.map(({ name, value }): [string, string] => [name, String(value)])
  ]
  return pairs.flatMap(([name, value]): [string, string][] => value === undefined ? [] : [[name, value]])
}

/** A CloudEvent in JSON: data as it stands where it is JSON or text, else in base64. */
export function eventJson (sample: SampleEvent): Buffer {
  const { context, data, contentType } = sample
  if (context === undefined) throw new Error(`${sample.title}: no CloudEvent`)
  const core = contextPairs({ ...context, extensions: [] })
  if (contentType !== undefined) core.push(['datacontenttype', contentType])
  const members = [...core, ...(context.extensions ?? []).map(({ name, value }) => [name, value] as const)]
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  if (data !== null) {
    if (isBareJson(sample)) members.push(`"data":${data.toString()}`)
    else if (isText(sample)) members.push(`"data":${JSON.stringify(data.toString())}`)
    else members.push(`"data_base64":"${data.toString('base64')}"`)
  }
  return Buffer.from(`{${members.join(', ')}}`)
}

/** Neighbours that go to one channel with the same beside them: what one request or connection can carry. */
export function runsOf (samples: readonly SampleEvent[]): SampleEvent[][] {
  const runs: SampleEvent[][] = []
  const kindOf = (sample: SampleEvent | undefined): string =>
    sample === undefined ? '' : JSON.stringify([sample.route, besideOf(sample)])
  for (const sample of samples) {
    const last = runs.at(-1)
    if (last === undefined || kindOf(last[0]) !== kindOf(sample)) runs.push([sample])
    else last.push(sample)
  }
  return runs
}
