// Plays one event through a door of its own, over a pair of streams in place of a socket; gives what it is told.

import { createServer, validateHeaderName, validateHeaderValue } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { duplexPair } from 'node:stream'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { Adapter, Sample } from '../../src/contract/adapter.ts'
import { flags } from './binary-frame.ts'

/** Attributes that are of the event; all others are headers of the upgrade. */
const ofTheEvent = /^(content-type|idempotency-key|traceparent|tracestate|ce-.*)$/
/** Headers that the client makes. */
const framing = /^(host|connection|upgrade|content-length|transfer-encoding|expect|sec-websocket-.*)$/

/** Answers come sooner. */
const answerMs = 10_000
const answerBytesMax = 1_048_576
/** Below what the platform's parser takes, so that it is the door that answers. */
const headBytesMax = 16_000

/** What is told of the sample as event 1: its receipt and ack, its nack, or the answer that refuses the upgrade. */
export async function rehearse (adapter: Adapter, sample: Sample): Promise<string> {
  const { headers, own } = split(sample)
  const message = recordOf(sample, own)
  const server = createServer({ requireHostHeader: false })
  adapter.attach({ protocol: 'http', server, onSocket: () => {}, peerOf: () => sample.peer })
  const [client, stream] = duplexPair()
  const timer = setTimeout(() => { client.destroy(new Error(`no answer within ${answerMs} ms`)) }, answerMs)
  const socket = new WebSocket('ws://localhost/v1/stream', 'sluice.v1', {
    headers, perMessageDeflate: false, maxPayload: answerBytesMax,
    // Whatever else of a socket the client asks for says nothing about the event.
    createConnection: () => Object.assign(client, { setKeepAlive: nothing, ref: nothing, unref: nothing }) as never
  })
  server.emit('connection', stream)
  try {
    return await converse(socket, message)
  } finally {
    clearTimeout(timer)
    end(client, stream)
  }
}

function nothing (): void {}

function end (...streams: readonly Duplex[]): void {
  for (const stream of streams) stream.on('error', () => {}).destroy()
}

function converse (socket: WebSocket, message: Buffer): Promise<string> {
  const told: string[] = []
  return new Promise((resolve, reject) => {
    socket.on('open', () => { socket.send(message) })
    socket.on('message', (data: Buffer) => {
      const text = data.toString()
      if (!text.startsWith('{"type":"hello"')) told.push(text)
      if (/^\{"type":"n?ack"/.test(text)) resolve(told.join('\n'))
    })
    socket.on('close', (code, reason) => { resolve([...told, `closed with ${code}: ${reason.toString()}`].join('\n')) })
    socket.on('unexpected-response', (_request, response) => { readAnswer(response).then(resolve, reject) })
    socket.on('error', reject)
  })
}

async function readAnswer (response: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of response as AsyncIterable<Buffer>) body += chunk.toString()
  const { rawHeaders } = response
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at] !== 'connection') lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
  }
  return [...lines, '', body].join('\n')
}

function split ({ attributes }: Sample): { headers: Record<string, string[]>, own: Map<string, string> } {
  const headers: Record<string, string[]> = {}
  const own = new Map<string, string>()
  let headBytes = 0
  for (const [given, value] of attributes) {
    const name = given.toLowerCase()
    if (framing.test(name)) throw new Error(`the header ${given} is made by the client; leave it out`)
    validateHeaderName(name)
    validateHeaderValue(name, value)
    headBytes += name.length + value.length
    if (ofTheEvent.test(name)) own.set(name, own.has(name) ? `${own.get(name)}, ${value}` : value)
    else (headers[name] ??= []).push(value)
  }
  if (headBytes > headBytesMax) throw new Error(`the headers are above ${headBytesMax} bytes; shorten them`)
  return { headers, own }
}

/** A binary message with one record, which asks for its receipt. */
function recordOf ({ channel, data }: Sample, own: ReadonlyMap<string, string>): Buffer {
  const head = flags.named | flags.receipt | (own.size > 0 ? flags.attributes : 0) | (data === null ? flags.empty : 0)
  const pairs = Buffer.concat([...own].flatMap(([name, value]) => [textOf(name), textOf(value)]))
  const block = own.size > 0 ? [numberOf(pairs.length), pairs] : []
  return Buffer.concat([Buffer.from([head, 1]), textOf(channel), ...block, data ?? Buffer.alloc(0)])
}

function textOf (text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([numberOf(bytes.length), bytes])
}

function numberOf (number: number): Buffer {
  const bytes: number[] = []
  let left = number
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push(left % 0x80 + 0x80)
  return Buffer.from([...bytes, left])
}
