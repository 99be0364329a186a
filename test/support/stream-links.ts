// One connection of a streaming client, alike for both doors: events out; acks, nacks and its end in.

import { WebSocket } from 'ws'
import { Outcome } from '../../protocols/grpc/generated/sluice/v1/ingest.ts'
import { GrpcSender } from './grpc-client.ts'
import type { Told } from './history.ts'
import { varint } from './websocket-rig.ts'

/** One event on its way: `id` is its number on this connection, `key` its name for good. */
export interface Sending {
  readonly id: number
  readonly key: string
  readonly channel: string
  readonly data: Buffer
}

/** Where an event is, as its receipt says. */
export interface Place { readonly partition?: number | undefined, readonly offset?: number | undefined }

/** What a connection tells. Nothing comes after `broken`, which comes once. */
export interface Listener {
  opened (): void
  window (window: number): void
  receipt (id: number, place: Place): void
  acked (id: number): void
  nacked (id: number, told: Told, code: string): void
  broken (why: string): void
}

export interface Link {
  send (event: Sending): void
  /** Sends a message as it is: text or bytes. */
  raw (message: string | Buffer): void
  close (): void
}

export interface LinkOptions {
  readonly port: number
  /** Asks for a receipt of every event. */
  readonly receipts: boolean
  /** WebSocket: binary messages on declared channels, or text. */
  readonly binary: boolean
}

export type OpenLink = (options: LinkOptions, listener: Listener) => Link

/** After its end a connection is silent. */
function once (listener: Listener, close: () => void): (why: string) => void {
  let isBroken = false
  return why => {
    if (isBroken) return
    isBroken = true
    close()
    listener.broken(why)
  }
}

interface ServerMessage {
  readonly type: string, readonly id: number, readonly window: number, readonly outcome: string, readonly code: string
  readonly receipt: Place
}

function text (value: string): number[] {
  const bytes = Buffer.from(value)
  return [...varint(bytes.length), ...bytes]
}

/** A record with attributes, on a channel that was declared. */
function binaryRecord ({ id, key, data }: Sending, number: number): Buffer {
  const attributes = [...text('idempotency-key'), ...text(key)]
  return Buffer.concat([
    Buffer.from([0x02, ...varint(id), ...varint(number), ...varint(attributes.length), ...attributes]), data
  ])
}

function textMessage ({ id, key, channel, data }: Sending): string {
  const head = JSON.stringify({ type: 'event', id, channel, attributes: { 'idempotency-key': key } })
  return `${head.slice(0, -1)},"data":${data.toString()}}`
}

export const openWebSocket: OpenLink = ({ port, receipts, binary }, listener) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'sluice.v1', { perMessageDeflate: false })
  const broken = once(listener, () => { socket.terminate() })
  const channels = new Map<string, number>()
  socket.on('error', error => { broken(error.message) }).on('close', (code, reason) => { broken(`${code} ${reason.toString()}`) })
  socket.on('message', (bytes: Buffer) => {
    const message = JSON.parse(bytes.toString()) as ServerMessage
    const { type, id } = message
    if (type === 'hello' || type === 'window') listener.window(message.window)
    if (type === 'hello') {
      if (receipts) socket.send('{"type":"open","receipts":true}')
      listener.opened()
    } else if (type === 'receipt') listener.receipt(id, message.receipt)
    else if (type === 'ack') listener.acked(id)
    else if (type === 'nack') listener.nacked(id, message.outcome as Told, message.code)
  })
  return {
    send (event) {
      if (!binary) return socket.send(textMessage(event))
      const known = channels.get(event.channel)
      const number = known ?? channels.size
      if (known === undefined) {
        channels.set(event.channel, number)
        const attributes = { 'content-type': 'application/json' }
        socket.send(JSON.stringify({ type: 'channel', number, channel: event.channel, attributes }))
      }
      socket.send(binaryRecord(event, number))
    },
    raw: message => { socket.send(message) },
    close: () => { socket.close() }
  }
}

const toldOf: Partial<Record<Outcome, Told>> = { [Outcome.OUTCOME_REFUSED]: 'refused', [Outcome.OUTCOME_UNKNOWN]: 'unknown' }

export const openGrpc: OpenLink = ({ port, receipts }, listener) => {
  const sender = new GrpcSender(`127.0.0.1:${port}`)
  const stream = sender.stream()
  const broken = once(listener, () => { sender.close() })
  let isOpen = false
  stream.open({ receipts })
  stream.call.on('data', ({ window, receipts: told, nacks, acked }: typeof stream.answers[number]) => {
    // The client of the tests keeps them; here they would be too many.
    stream.answers.length = 0
    if (window !== undefined) listener.window(window)
    if (!isOpen) listener.opened()
    isOpen = true
    for (const { id, receipt } of told) listener.receipt(id, { partition: receipt?.partition, offset: receipt?.offset })
    for (const { id, refusal } of nacks) {
      listener.nacked(id, toldOf[refusal?.outcome ?? Outcome.OUTCOME_UNSPECIFIED] ?? 'none', refusal?.code ?? '')
    }
    if (acked !== undefined) listener.acked(acked)
  })
  void stream.ended.then(({ told, detail }) => { broken(`${told} ${detail}`) })
  return {
    send ({ id, key, channel, data }) { stream.send(id, { id: key, channel, data, datacontenttype: 'application/json' }) },
    raw: message => { stream.raw(Buffer.from(message)) },
    close: () => { stream.end() }
  }
}
