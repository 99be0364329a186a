// Envelope + route -> the record that a sink writes: key, value and headers in the route's format.

import { binaryHeaders, idName, structuredHeaders } from '../contract/cloudevents-kafka.ts'
import { encodeStructured } from '../contract/cloudevents-json.ts'
import type { Envelope } from '../contract/envelope.ts'
import { checkJson } from '../contract/json.ts'
import { compilePointer, pointerValue, scalarText } from '../contract/json-pointer.ts'
import type { Pointer } from '../contract/json-pointer.ts'
import { isJson, mediaType } from '../contract/media-type.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import { maySend } from '../contract/principal.ts'
import type { SinkRecord } from '../contract/sink.ts'
import type { RouteSettings } from './config.ts'
import { kongValue } from './kong-format.ts'
import type { Match } from './router.ts'

/** What is known of a route before any event comes. */
export interface RecordPlan {
  readonly settings: RouteSettings
  readonly pointer: Pointer | undefined
  /** Lower-case names whose values travel as record headers. */
  readonly headers: readonly string[]
  readonly secretNames: ReadonlySet<string>
  readonly keyBytesMax: number
}

export interface PlanOptions { readonly secretNames: ReadonlySet<string>, readonly keyBytesMax: number }

/** Plans a route. Names of secrets are dropped from its header list, whatever the operator wrote. */
export function planRecord (settings: RouteSettings, options: PlanOptions): RecordPlan {
  const pointerText = settings.key?.pointer
  return {
    settings,
    pointer: pointerText === undefined ? undefined : compilePointer(pointerText),
    headers: settings.headers.filter(name => !options.secretNames.has(name)),
    ...options
  }
}

const foreignSource = refuse('forbidden', 'you may not send events of this source; ask the operator which are yours', {
  pointer: '/source'
})

const eventType = /^application\/cloudevents/i
const posing = refuse('invalid-event',
  'the content type says that the data is itself a CloudEvent; send that as the event, or give the data another type', {
    pointer: '/datacontenttype'
  })

/**
 * True where readers would take the data for the event: in the Kafka binding (3) a content type of this beginning says
 * that the value is a whole event. Its source and type would be whatever the data says, and nobody has judged them.
 */
function poses ({ datacontenttype, data }: Envelope, { settings: { format } }: RecordPlan): boolean {
  if (datacontenttype === undefined || datacontenttype === 'application/json') return false
  return (format === 'binary' || (format === 'structured' && data === null)) && eventType.test(datacontenttype)
}

/** What every event must keep before any policy of its route is asked. */
export function checkEvent (envelope: Envelope, plan: RecordPlan): Refusal | undefined {
  // The source of a wrapped event is its route's, not its sender's.
  if (!envelope.wrapped && !maySend(envelope.principal, envelope.source)) return foreignSource
  if (poses(envelope, plan)) return posing
  return checkData(envelope, plan)
}

/** Refuses data that breaks the promise of its content type, and an event without data where that is not allowed. */
export function checkData (envelope: Envelope, plan: RecordPlan): Refusal | undefined {
  const { data } = envelope
  if (data === null) {
    if (plan.settings.allowTombstone || plan.settings.format === 'kong') return undefined
    return refuse('invalid-event', 'the event has no data; this route takes events with data only', { pointer: '/data' })
  }
  if (envelope.dataChecked || (plan.settings.json === 'trust' && plan.pointer === undefined)) return undefined
  if (!isJson(mediaType(envelope.datacontenttype))) return undefined
  const mistake = checkJson(data, 0, data.length)
  return mistake === undefined
    ? undefined
    : refuse('malformed', `the data is not well-formed JSON: ${mistake.problem} at byte ${mistake.offset}`)
}

function pointedKey (envelope: Envelope, plan: RecordPlan, pointer: Pointer): Buffer | Refusal {
  const at = plan.settings.key?.pointer ?? ''
  const lack = (what: string): Refusal =>
    refuse('invalid-event', `this route takes its record key from ${at}, which ${what}`, { pointer: `/data${at}` })
  const { data } = envelope
  // Data of a structured event may be JSON without saying so.
  const json = envelope.dataChecked || isJson(mediaType(envelope.datacontenttype))
  if (data === null || !json) return lack('needs JSON data')
  const span = pointerValue(data, 0, data.length, pointer)
  if (span === undefined) return lack('is missing')
  const text = scalarText(data, span)
  if (text === undefined) return lack('must be a string, a number or a boolean')
  // As UTF-8 every lone surrogate becomes the same character, and different keys would become one.
  return text.isWellFormed() ? Buffer.from(text) : lack('has half of a surrogate pair')
}

function keyOf (envelope: Envelope, match: Match, plan: RecordPlan): Buffer | null | Refusal {
  const { key } = plan.settings
  if (key === undefined) return null
  if (match.channelKey !== undefined) return match.channelKey
  if (plan.pointer !== undefined) return pointedKey(envelope, plan, plan.pointer)
  if (key.principal === true) return Buffer.from(envelope.principal.name)
  const value = key.extension === undefined ? undefined : envelope.extensions.get(key.extension)
  if (value === undefined) {
    const name = key.extension ?? ''
    return refuse('invalid-event', `this route takes its record key from the extension ${name}, which is missing`, {
      pointer: `/${name}`
    })
  }
  return Buffer.from(String(value))
}

const noHeaders: readonly string[] = []
/** Events of one request share their attributes, and their records one list: that of the event before. */
const listed = { attributes: undefined as Envelope['attributes'] | undefined, names: noHeaders, flat: noHeaders }

function listedHeaders ({ attributes }: Envelope, { headers: names }: RecordPlan): readonly string[] {
  if (names.length === 0) return noHeaders
  if (attributes === listed.attributes && names === listed.names) return listed.flat
  const flat: string[] = []
  attributes.forEach((name, value) => { if (names.includes(name)) flat.push(name, value) })
  Object.assign(listed, { attributes, names, flat })
  return flat
}

function tooLong (key: Buffer, { keyBytesMax }: RecordPlan): Refusal {
  return refuse('invalid-event', `the record key has ${key.length} bytes, ${keyBytesMax} are allowed`)
}

/** Makes the record, or refuses an event that its route cannot turn into one. */
export function toRecord (envelope: Envelope, match: Match, plan: RecordPlan): SinkRecord | Refusal {
  const key = keyOf(envelope, match, plan)
  if (key !== null) {
    if (isRefusal(key)) return key
    if (key.length > plan.keyBytesMax) return tooLong(key, plan)
  }
  const extra = listedHeaders(envelope, plan)
  let value = envelope.data
  let headers: SinkRecord['headers']
  // The structured mode has no null value: a tombstone is an event of the binary mode, as the binding allows.
  const format = value === null && plan.settings.format === 'structured' ? 'binary' : plan.settings.format
  switch (format) {
    case 'binary': headers = binaryHeaders(envelope, extra); break
    case 'structured':
      value = encodeStructured(envelope, envelope.data)
      headers = structuredHeaders(envelope, extra)
      break
    case 'raw': headers = extra; break
    case 'kong': {
      const wrapper = kongValue(envelope, plan.secretNames)
      if (isRefusal(wrapper)) return wrapper
      value = wrapper
      headers = extra
      break
    }
  }
  return {
    topic: match.topic,
    key,
    value,
    idName: format === 'binary' ? idName : undefined,
    headers,
    timestampMs: envelope.receivedAtMs,
    id: envelope.id,
    source: envelope.source
  }
}
