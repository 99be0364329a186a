// Plays one request through a door of its own, over a pair of streams in place of a socket; gives its answer as text.

import { createServer, validateHeaderName, validateHeaderValue } from 'node:http'
import { duplexPair } from 'node:stream'
import type { Adapter, Sample } from '../../src/contract/adapter.ts'

/** Headers of an answer that say nothing about the event. */
const ownHeaders = /^(date|connection|keep-alive|transfer-encoding):/i

/** Headers that say how the request travels: they are made here. */
const framing = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'expect', 'upgrade', 'te', 'trailer'])

/** Answers are far below this, and come sooner. */
const answerBytesMax = 1_048_576
const answerMs = 10_000
/** Below what the platform's parser takes, so that it is the door that answers. */
const headBytesMax = 16_000

/** The answer to a POST of the sample: status line, headers, an empty line, body. */
export async function rehearse (adapter: Adapter, sample: Sample): Promise<string> {
  const head = headOf(sample)
  const server = createServer({ requireHostHeader: false })
  adapter.attach({ protocol: 'http', server, onSocket: () => {}, peerOf: () => sample.peer })
  const [client, stream] = duplexPair()
  const socket = Object.assign(stream, { destroySoon: () => { stream.end() } })
  const timer = setTimeout(() => { client.destroy(new Error(`no answer within ${answerMs} ms`)) }, answerMs)
  server.emit('connection', socket)
  client.write(head)
  if (sample.data !== null) client.write(sample.data)
  let answer = ''
  try {
    for await (const chunk of client as AsyncIterable<Buffer>) {
      answer += chunk.toString()
      if (answer.length > answerBytesMax) break
    }
  } finally {
    clearTimeout(timer)
    client.destroy()
    stream.destroy()
  }
  return withoutOwnHeaders(answer)
}

function headOf ({ channel, attributes, data }: Sample): string {
  const path = channel.split('/').map(encodeURIComponent).join('/')
  const lines = [`POST /v1/events/${path} HTTP/1.1`, 'host: localhost', 'connection: close']
  for (const [name, value] of attributes) {
    if (framing.has(name.toLowerCase())) throw new Error(`the header ${name} is made by the client; leave it out`)
    validateHeaderName(name)
    validateHeaderValue(name, value)
    lines.push(`${name}: ${value}`)
  }
  if (data !== null) lines.push(`content-length: ${data.length}`)
  const head = lines.join('\r\n') + '\r\n\r\n'
  if (head.length > headBytesMax) throw new Error(`channel and headers are above ${headBytesMax} bytes; shorten them`)
  return head
}

function withoutOwnHeaders (answer: string): string {
  const end = answer.indexOf('\r\n\r\n')
  const head = answer.slice(0, end).split('\r\n').filter(line => !ownHeaders.test(line))
  return [...head, '', answer.slice(end + 4)].join('\n').trimEnd()
}
