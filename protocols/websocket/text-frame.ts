// One text message of sluice.v1: a JSON object, read in one walk. The bytes of an event's data stay as they are.

import { forEachMember } from '../../src/contract/json.ts'
import { textOf } from '../../src/contract/json-pointer.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { structuredType } from './decode.ts'
import type { Body } from './decode.ts'
import { addPair } from './pairs.ts'

export interface EventMessage {
  readonly type: 'event'
  readonly id: number
  /** A channel in words, or the number of a declared one. */
  readonly channel: string | number
  readonly body: Body
  readonly pairs: readonly string[]
  readonly receipt: boolean
}

export interface ChannelMessage {
  readonly type: 'channel'
  readonly number: number
  readonly channel: string
  readonly pairs: readonly string[]
}

export interface OpenMessage { readonly type: 'open', readonly receipts: boolean }

/** `pairs` are shown as if they were headers. */
export interface AuthenticateMessage { readonly type: 'authenticate', readonly pairs: readonly string[] }

/** An event that has an id and nothing else that can be used. */
export interface BrokenMessage { readonly type: 'broken', readonly id: number, readonly refusal: Refusal }

/** A text that is no message at all: nobody can be told which event it was. */
export interface Unreadable { readonly type: 'unreadable', readonly reason: string }

export type TextMessage =
  EventMessage | ChannelMessage | OpenMessage | AuthenticateMessage | BrokenMessage | Unreadable

/** The members of a message: where their values stand, by name. */
type Members = Map<string, readonly [start: number, end: number]>

const known: Readonly<Record<string, readonly string[]>> = {
  event: ['type', 'id', 'channel', 'data', 'text', 'base64', 'cloudevent', 'attributes', 'receipt'],
  channel: ['type', 'number', 'channel', 'attributes'],
  open: ['type', 'receipts'],
  authenticate: ['type', 'token', 'attributes']
}
const bodies = ['data', 'text', 'base64', 'cloudevent']
const membersCountMax = 16
const digits = /^(0|[1-9][0-9]{0,15})$/
const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/** Reads it. `bytes` are known to be UTF-8. */
export function readText (bytes: Buffer): TextMessage {
  const members: Members = new Map()
  let twice: string | undefined
  const mistake = forEachMember(bytes, 0, bytes.length, (keyStart, keyEnd, start, end) => {
    const name = textOf(bytes, keyStart, keyEnd)
    if (members.has(name)) twice ??= name
    members.set(name, [start, end])
    return members.size <= membersCountMax
  })
  if (mistake !== undefined) return unreadable(`a text message is no JSON object: ${mistake.problem} at byte ${mistake.offset}`)
  const reader = new Reader(bytes, members)
  const type = reader.text('type') ?? ''
  const id = type === 'event' ? reader.number('id') : undefined
  const names = Object.hasOwn(known, type) ? known[type] : undefined
  if (names === undefined) return unreadable('a message has no type that is known here')
  if (type === 'event' && id === undefined) return unreadable('an event has no id; number them by integers that grow')
  for (const name of members.keys()) if (!names.includes(name)) twice ??= name
  if (twice !== undefined) reader.wrong(twice.slice(0, 64), 'is not known here, or stands there twice')
  switch (type) {
    case 'event': return readEvent(reader, id ?? 0)
    case 'channel': return readChannel(reader)
    case 'open': return readOpen(reader)
    default: return readAuthenticate(reader)
  }
}

function unreadable (reason: string): Unreadable { return { type: 'unreadable', reason } }

/** Reads members by name, and keeps the first thing that is wrong with them. */
class Reader {
  refusal: Refusal | undefined
  readonly bytes: Buffer
  readonly members: Members

  constructor (bytes: Buffer, members: Members) {
    this.bytes = bytes
    this.members = members
  }

  wrong (name: string, what: string): undefined {
    const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    this.refusal ??= refuse('malformed', `the member ${name} ${what}`, { pointer })
  }

  has (name: string): boolean { return this.members.has(name) }

  text (name: string): string | undefined {
    const [start, end] = this.members.get(name) ?? none
    if (start < 0) return undefined
    if (this.bytes[start] !== 0x22) return this.wrong(name, 'is no text')
    return textOf(this.bytes, start + 1, end - 1)
  }

  number (name: string): number | undefined {
    const [start, end] = this.members.get(name) ?? none
    if (start < 0) return undefined
    const text = this.bytes.toString('latin1', start, Math.min(end, start + 20))
    const value = Number(text)
    return digits.test(text) && Number.isSafeInteger(value) ? value : this.wrong(name, 'is no integer from 0 to 2^53 - 1')
  }

  truth (name: string): boolean {
    const [start, end] = this.members.get(name) ?? none
    const text = start < 0 ? 'false' : this.bytes.toString('latin1', start, Math.min(end, start + 20))
    if (text !== 'true' && text !== 'false') this.wrong(name, 'is neither true nor false')
    return text === 'true'
  }

  span (name: string): Buffer | undefined {
    const [start, end] = this.members.get(name) ?? none
    return start < 0 ? undefined : this.bytes.subarray(start, end)
  }

  /** An object of texts. */
  pairs (name: string): string[] {
    const [start, end] = this.members.get(name) ?? none
    const pairs: string[] = []
    if (start < 0) return pairs
    const { bytes } = this
    const mistake = forEachMember(bytes, start, end, (keyStart, keyEnd, valueStart, valueEnd) => {
      if (bytes[valueStart] !== 0x22) this.wrong(name, 'holds something else than texts')
      const value = textOf(bytes, valueStart + 1, valueEnd - 1)
      this.refusal ??= addPair(pairs, textOf(bytes, keyStart, keyEnd), value)
      return this.refusal === undefined
    })
    if (mistake !== undefined) this.wrong(name, 'is no object')
    return pairs
  }
}

const none = [-1, -1] as const
const noBody: Body = { data: null, contentType: undefined, checked: false }

function readEvent (reader: Reader, id: number): EventMessage | BrokenMessage {
  const [start] = reader.members.get('channel') ?? none
  const named = start < 0 || reader.bytes[start] === 0x22
  const channel = (named ? reader.text('channel') : reader.number('channel')) ?? ''
  const body = readBody(reader)
  const pairs = reader.has('attributes') ? reader.pairs('attributes') : []
  const receipt = reader.truth('receipt')
  const { refusal } = reader
  return refusal === undefined ? { type: 'event', id, channel, body, pairs, receipt } : { type: 'broken', id, refusal }
}

function readBody (reader: Reader): Body {
  const given = bodies.filter(name => reader.has(name))
  if (given.length > 1) reader.wrong(given[1] ?? '', `stands beside ${given[0]}; send one of them`)
  switch (given[0]) {
    case 'data': return { data: reader.span('data') ?? null, contentType: 'application/json', checked: true }
    case 'cloudevent': return { data: reader.span('cloudevent') ?? null, contentType: structuredType, checked: true }
    case 'text': return { data: readPlain(reader), contentType: 'text/plain; charset=utf-8', checked: false }
    case 'base64': return { data: readBase64(reader), contentType: undefined, checked: false }
    case undefined:
    default: return noBody
  }
}

function readPlain (reader: Reader): Buffer {
  const text = reader.text('text') ?? ''
  // UTF-8 has no word for it: something else than what was sent would be written.
  if (!text.isWellFormed()) reader.wrong('text', 'holds half of a surrogate pair')
  return Buffer.from(text)
}

function readBase64 (reader: Reader): Buffer {
  const text = reader.text('base64') ?? ''
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='))
  // A single character at the end says less than a byte: it would be passed over, as if it had not been sent.
  const whole = padding === 0 ? text.length % 4 !== 1 : text.length % 4 === 0
  if (!whole || !base64.test(text)) reader.wrong('base64', 'is no base64')
  return Buffer.from(text, 'base64')
}

function readChannel (reader: Reader): ChannelMessage | Unreadable {
  const number = reader.number('number')
  const channel = reader.text('channel')
  const pairs = reader.pairs('attributes')
  if (reader.refusal !== undefined) return unreadable(reader.refusal.detail)
  if (number === undefined || channel === undefined) return unreadable('a channel is declared by its number and its name')
  return { type: 'channel', number, channel, pairs }
}

function readOpen (reader: Reader): OpenMessage | Unreadable {
  const receipts = reader.truth('receipts')
  return reader.refusal === undefined ? { type: 'open', receipts } : unreadable(reader.refusal.detail)
}

function readAuthenticate (reader: Reader): AuthenticateMessage | Unreadable {
  const token = reader.text('token')
  const pairs = reader.pairs('attributes')
  if (token !== undefined) reader.refusal ??= addPair(pairs, 'authorization', `Bearer ${token}`)
  return reader.refusal === undefined ? { type: 'authenticate', pairs } : unreadable('an authenticate message cannot be read')
}
