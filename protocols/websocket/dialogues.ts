// What each subprotocol makes of messages: events, declarations and credentials of sluice.v1, CloudEvents one by one.

import { isEnvelope } from '../../src/contract/envelope.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { isRefusal, retryable } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { newRecord, readRecord } from './binary-frame.ts'
import type { BinaryRecord } from './binary-frame.ts'
import { Channels } from './channels.ts'
import { decodeEvent, structuredType, wrapPlain } from './decode.ts'
import type { Destination } from './decode.ts'
import type { Dialogue, Message } from './dialogue.ts'
import { closeCodeOf, closings, helloText } from './reply.ts'
import type { Session } from './session.ts'
import { readText } from './text-frame.ts'
import type { EventMessage, TextMessage } from './text-frame.ts'

/** One record at a time is in hand, in a worker. */
const record = newRecord()

/** The dialogue of one connection that speaks sluice.v1. */
export function speakSluice (session: Pick<Session, 'base' | 'door'>): Dialogue<Session> {
  const channels = new Channels(session.base, session.door.config.channelsMax)
  return {
    hello: greet,
    closeCodeOf,
    take (one, message) {
      if (one.phase === 'open' && message.isBinary) return takeRecords(one, channels, message)
      takeText(one, channels, message)
      return -1
    }
  }
}

function greet (session: Session): string {
  const { messageBytesMax, channelsMax, authenticateTimeoutMs } = session.door.config
  const limits = { messageBytesMax, channelsMax }
  return session.phase === 'asking'
    ? helloText('sluice.v1', { authenticated: false, window: 0, ...limits, authenticateTimeoutMs })
    : helloText('sluice.v1', { authenticated: true, window: session.door.window, ...limits })
}

/** False: the connection ends, because no two events may have one id. */
function isNext (session: Session, id: number): boolean {
  const { lastId } = session.stream
  if (id > lastId) return true
  session.conclude(closings.policy, `the id ${id} is not above the one before, ${lastId}`)
  return false
}

function takeRecords (session: Session, channels: Channels, { data, at: start }: Message): number {
  if (data.length === 0) session.conclude(closings.unreadable, 'a binary message holds no record')
  let at = start
  while (at < data.length) {
    if (!session.mayTake) return at
    if (!readRecord(data, at, record)) {
      session.conclude(closings.unreadable, record.mistake)
      return -1
    }
    if (!isNext(session, record.id)) return -1
    const bytes = record.next - at
    at = record.next
    takeRecord(session, channels, { data, bytes })
    if (session.hasConcluded) return -1
  }
  return -1
}

function takeRecord (session: Session, channels: Channels, { data, bytes }: { data: Buffer, bytes: number }): void {
  const { id, number, channel, receipt, refusal } = record
  const to = refusal ?? (number < 0 ? channels.named(channel) : channels.numbered(number))
  if (isRefusal(to)) return session.stream.refuse(to, id, '')
  const short = session.shed ?? session.shortOf(bytes)
  if (short !== undefined) return session.stream.refuse(short, id, to.channel)
  finish(session, { to, id, bytes, receipt, envelope: envelopeOf(session, to, data, record) })
}

function envelopeOf (session: Session, to: Destination, data: Buffer, read: BinaryRecord): Envelope | Refusal {
  const { start, end, empty, pairs } = read
  const value = empty ? null : data.subarray(start, end)
  if (to.plain && pairs.length === 0) return wrapPlain(session, to, value)
  return decodeEvent(session, to, { data: value, contentType: undefined, checked: false }, pairs)
}

interface Decoded {
  readonly to: Destination
  readonly id: number
  readonly bytes: number
  readonly receipt: boolean
  readonly envelope: Envelope | Refusal
}

function finish ({ stream }: Session, { to, id, bytes, receipt, envelope }: Decoded): void {
  if (!isEnvelope(envelope)) return stream.refuse(envelope, id, to.channel)
  if (receipt) stream.wantReceipt(id)
  stream.push(envelope, id, bytes)
}

function takeText (session: Session, channels: Channels, { data, isBinary }: Message): void {
  if (isBinary) return session.conclude(closings.policy, 'the first message is of type authenticate, in text')
  const message = readText(data)
  if (message.type === 'unreadable') return session.conclude(closings.unreadable, message.reason)
  if (session.phase === 'asking') {
    if (message.type === 'authenticate') return session.authenticate(message.pairs)
    return session.conclude(closings.policy, 'the first message is of type authenticate')
  }
  session.stream.pass()
  takeMessage(session, channels, message, data.length)
}

function takeMessage (session: Session, channels: Channels, message: TextMessage, bytes: number): void {
  const { stream } = session
  switch (message.type) {
    case 'event': return takeEvent(session, channels, message, bytes)
    case 'broken': return isNext(session, message.id) ? stream.refuse(message.refusal, message.id, '') : undefined
    case 'open':
      stream.receipts = message.receipts
      return
    case 'authenticate': return session.authenticate(message.pairs)
    case 'channel': {
      if (channels.declare(message.number, message.channel, message.pairs)) return
      const { channelsMax } = session.door.config
      return session.conclude(closings.policy, `numbers of channels are from 0 to ${channelsMax - 1}`)
    }
    case 'unreadable':
    default:
  }
}

function takeEvent (session: Session, channels: Channels, message: EventMessage, bytes: number): void {
  const { id, channel, body, pairs, receipt } = message
  if (!isNext(session, id)) return
  const to = typeof channel === 'number' ? channels.numbered(channel) : channels.named(channel)
  if (isRefusal(to)) return session.stream.refuse(to, id, '')
  const short = session.shed ?? session.shortOf(bytes)
  if (short !== undefined) return session.stream.refuse(short, id, to.channel)
  finish(session, { to, id, bytes, receipt, envelope: decodeEvent(session, to, body, pairs) })
}

/**
 * The WebSocket binding of CloudEvents: each text message is one event, and the n-th one has the number n. The binding
 * has no acks; with `acks` they are told as in sluice.v1, else a refusal ends the connection.
 */
export function speakCloudEvents (to: Destination, acks: boolean): Dialogue<Session> {
  return {
    hello (session) {
      session.stream.tells = acks
      return undefined
    },
    closeCodeOf (code) {
      return closeCodeOf(code) ?? (acks ? undefined : retryable(code) ? closings.overloaded : closings.policy)
    },
    take (session, { data, isBinary }) {
      if (isBinary) {
        session.conclude(closings.wrongFrame, 'cloudevents.json is spoken in text messages')
        return -1
      }
      const { stream } = session
      const id = Math.max(0, stream.lastId) + 1
      const short = session.shed ?? session.shortOf(data.length)
      if (short !== undefined) stream.refuse(short, id, to.channel)
      else {
        const envelope = decodeEvent(session, to, { data, contentType: structuredType, checked: false }, [])
        finish(session, { to, id, bytes: data.length, receipt: false, envelope })
      }
      return -1
    }
  }
}
