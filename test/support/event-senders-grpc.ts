// Sends the events of the corpus over gRPC: flat and in the protobuf format of CloudEvents, by each of its methods.

import type {
  CloudEvent, CloudEvent_CloudEventAttributeValue as AttributeValue
} from '../../protocols/grpc/generated/io/cloudevents/v1/cloudevents.ts'
import { PublishBatchRequest, PublishRequest } from '../../protocols/grpc/generated/sluice/v1/ingest.ts'
import type { Event, ExtensionValue } from '../../protocols/grpc/generated/sluice/v1/ingest.ts'
import { besideOf, channelOf, lackOf, runsOf } from './event-senders.ts'
import type { EventSender, Place } from './event-senders.ts'
import type { SampleEvent, SampleExtension } from './event-corpus.ts'
import { flatEvent, GrpcSender } from './grpc-client.ts'
import type { Ended } from './grpc-client.ts'
import { until } from './until.ts'

type Message =
  | { readonly $case: 'flat', readonly flat: Event }
  | { readonly $case: 'cloudEvent', readonly cloudEvent: CloudEvent }

function extensionValue ({ value }: SampleExtension): ExtensionValue {
  if (typeof value === 'number') return { value: { $case: 'integer', integer: value } }
  if (typeof value === 'boolean') return { value: { $case: 'boolean', boolean: value } }
  return { value: { $case: 'text', text: value } }
}

function flat (sample: SampleEvent): Message {
  const { context, contentType = '', data, idempotencyKey = '', attributes = [], trace } = sample
  const { extensions = [], ...texts } = context ?? { id: idempotencyKey }
  return {
    $case: 'flat',
    flat: flatEvent({
      ...texts, ...trace, datacontenttype: contentType, data: data ?? undefined,
      attributes: Object.fromEntries(attributes),
      extensions: Object.fromEntries(extensions.map(extension => [extension.name, extensionValue(extension)]))
    })
  }
}

const ofText = (ceString: string): AttributeValue => ({ attr: { $case: 'ceString', ceString } })

/** The value in its own type. */
function attributeValue ({ value, kind }: SampleExtension): AttributeValue {
  const word = String(value)
  switch (kind) {
    case 'text': return ofText(word)
    case 'integer': return { attr: { $case: 'ceInteger', ceInteger: Number(value) } }
    case 'boolean': return { attr: { $case: 'ceBoolean', ceBoolean: value === true } }
    case 'uri': return { attr: { $case: 'ceUri', ceUri: word } }
    case 'uri-reference': return { attr: { $case: 'ceUriRef', ceUriRef: word } }
    case 'bytes': return { attr: { $case: 'ceBytes', ceBytes: Buffer.from(word, 'base64') } }
    case 'timestamp': return ofTime(word)
  }
}

/** The times that come out of a Timestamp as they went in. */
const exactTime = /^[0-9-]+T[0-9:]+(\.[0-9]{0,8}[1-9])?Z$/

function ofTime (time: string): AttributeValue {
  const nanos = Number((/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(9, '0'))
  return { attr: { $case: 'ceTimestamp', ceTimestamp: { seconds: Math.floor(Date.parse(time) / 1_000), nanos } } }
}

function dataOf ({ data, contentType }: SampleEvent): CloudEvent['data'] {
  if (data === null) return undefined
  return contentType?.startsWith('application/octet-stream') !== true && data.equals(Buffer.from(data.toString()))
    ? { $case: 'textData', textData: data.toString() }
    : { $case: 'binaryData', binaryData: data }
}

function official (sample: SampleEvent): Message {
  const { context, contentType } = sample
  if (context === undefined) throw new Error(`${sample.title}: no CloudEvent`)
  const { id, source, type, subject, time, dataschema, extensions = [] } = context
  const attributes: Record<string, AttributeValue> = {}
  if (subject !== undefined) attributes.subject = ofText(subject)
  // A Timestamp has no offset, and no choice of digits: other times go as text.
  if (time !== undefined) attributes.time = exactTime.test(time) ? ofTime(time) : ofText(time)
  if (dataschema !== undefined) attributes.dataschema = { attr: { $case: 'ceUri', ceUri: dataschema } }
  if (contentType !== undefined) attributes.datacontenttype = ofText(contentType)
  for (const extension of extensions) attributes[extension.name] = attributeValue(extension)
  return { $case: 'cloudEvent', cloudEvent: { id, source, specVersion: '1.0', type, attributes, data: dataOf(sample) } }
}

interface Form {
  readonly name: string
  readonly lack: EventSender['lack']
  messageOf (sample: SampleEvent): Message
  /** What goes into the metadata of the call. */
  metadataOf (sample: SampleEvent): Record<string, string>
}

const forms: readonly Form[] = [
  { name: 'grpc-flat', lack: () => undefined, messageOf: flat, metadataOf: () => ({}) },
  {
    name: 'grpc-official', lack: lackOf.cloudEventsOnly, messageOf: official,
    metadataOf: sample => Object.fromEntries(besideOf(sample))
  }
]

function must (sample: SampleEvent, ended: Ended): void {
  const bad = ended.results?.find(({ result }) => result?.$case !== 'receipt')
  if (ended.told !== 'written' || bad !== undefined) {
    throw new Error(`${sample.title}: ${ended.told} ${ended.detail} ${JSON.stringify(bad)}`)
  }
}

async function publish (form: Form, samples: readonly SampleEvent[], place: Place): Promise<void> {
  const sender = new GrpcSender(`127.0.0.1:${place.ports[1]}`)
  for (const sample of samples) {
    const event = form.messageOf(sample)
    const bytes = Buffer.from(PublishRequest.encode({ event, channel: channelOf(sample, place) }).finish())
    must(sample, await sender.raw('Publish', bytes, form.metadataOf(sample)))
  }
  sender.close()
}

async function publishBatch (form: Form, samples: readonly SampleEvent[], place: Place): Promise<void> {
  const sender = new GrpcSender(`127.0.0.1:${place.ports[1]}`)
  for (const run of runsOf(samples)) {
    const [first] = run
    if (first === undefined) continue
    const events = run.map(sample => ({ event: form.messageOf(sample), channel: '' }))
    const bytes = Buffer.from(PublishBatchRequest.encode({ events, channel: channelOf(first, place) }).finish())
    must(first, await sender.raw('PublishBatch', bytes, form.metadataOf(first)))
  }
  sender.close()
}

async function publishStream (form: Form, samples: readonly SampleEvent[], place: Place): Promise<void> {
  const sender = new GrpcSender(`127.0.0.1:${place.ports[1]}`)
  for (const run of runsOf(samples)) {
    const [first] = run
    if (first === undefined) continue
    const stream = sender.stream(form.metadataOf(first))
    for (const [at, sample] of run.entries()) {
      stream.call.write({ id: at + 1, channel: channelOf(sample, place), message: form.messageOf(sample) })
    }
    stream.end()
    must(first, await stream.ended)
    await until(() => stream.acked === run.length, { timeoutMs: 10_000, what: () => `an ack of ${run.length}` })
    if (stream.nacks.size > 0) throw new Error(`${first.title} and on: ${JSON.stringify(stream.answers)}`)
  }
  sender.close()
}

const methods = { publish, batch: publishBatch, stream: publishStream } as const

export const grpcSenders: readonly EventSender[] = forms.flatMap(form =>
  Object.entries(methods).map(([method, send]): EventSender => ({
    name: `${form.name}-${method}`, lack: form.lack, send: (samples, place) => send(form, samples, place)
  })))
